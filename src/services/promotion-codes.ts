import type { Caller } from "../auth/caller.ts";
import type { Plan } from "../entities/plan.ts";
import { BadUserInput } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { idOf } from "../sync/values.ts";
import type { CustomerService } from "./customer.service.ts";

/** Codes that give a discount; Stripe knows them, and what each may be used for. */
export class PromotionCodes {
  constructor(
    private readonly stripe: StripeGateway,
    private readonly customers: CustomerService,
  ) {}

  /**
   * Stripe's id of the code as somebody typed it; null when none was.
   * @throws BadUserInput for one that is not in use, or not for this plan: Stripe would take that, and take nothing off
   */
  async find(caller: Caller, typed: string | null | undefined, plan: Plan): Promise<string | null> {
    const code = typed?.trim();
    if (!code) return null;
    const customer = await this.customers.find(caller.id);
    const all = await this.stripe.promotions.inUse(code);
    // one code may be several: one for each of some customers
    const found = all.find(({ customer: of }) => of === null || idOf(of) === customer);
    const { coupon } = found?.promotion ?? {};
    const products = coupon && typeof coupon === "object" ? coupon.applies_to?.products : undefined;
    const isFor = !products || products.includes(await this.productOf(plan));
    if (found && isFor) return found.id;
    throw new BadUserInput(
      "input.promotionCode",
      found ? "This code is for another plan." : "This code cannot be used. Check how it is written.",
    );
  }

  private async productOf(plan: Plan): Promise<string> {
    const price = await this.stripe.price(plan.stripePriceId as string);
    return idOf(price?.product) ?? "";
  }
}
