import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { Plan } from "../entities/plan.ts";
import type { Promotion } from "../entities/promotion.ts";
import { PromotionNotApplicable } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { PROMOTION_ID } from "../stripe/metadata.ts";
import { idOf } from "../sync/values.ts";
import type { CustomerService } from "./customer.service.ts";
import { assertPlaceLeft } from "./promotion-places.ts";
import { promotionInUse, unknownCode } from "./promotions-in-use.ts";

/** Where a subscription's code is typed. */
export const PROMOTION_FIELD = "input.promotionCode";
const ANOTHER_PLAN = "This code is for another plan.";

/** A discount on a subscription: what Stripe calls it, and the promotion of ours; null for one made at Stripe alone. */
export interface SubscriptionDiscount {
  stripeId: string;
  promotionId: string | null;
}

/** Codes that discount subscriptions: those of our promotions, and those that somebody made at Stripe. */
export class PromotionCodes {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly stripe: StripeGateway,
    private readonly customers: CustomerService,
  ) {}

  /**
   * The discount of a code as somebody typed it; null when none was. A place among its uses is taken later, by the
   * attempt that is begun with it.
   * @throws BadUserInput for one that is not in use, PromotionExpired, PromotionExhausted, PromotionNotApplicable
   */
  async find(
    caller: Caller,
    typed: string | null | undefined,
    plan: Plan,
  ): Promise<SubscriptionDiscount | null> {
    const code = typed?.trim();
    if (!code) return null;
    const now = this.clock.now();
    const ours = await promotionInUse(this.em.fork(), { code, field: PROMOTION_FIELD }, now);
    if (!ours) return { stripeId: await this.madeAtStripe(caller, code, plan), promotionId: null };
    await this.assertFor(plan, ours);
    // it is being made there
    if (!ours.stripePromotionCodeId) throw unknownCode(PROMOTION_FIELD);
    await assertPlaceLeft(this.em.fork(), ours, caller.id, { now, field: PROMOTION_FIELD });
    return { stripeId: ours.stripePromotionCodeId, promotionId: ours.id };
  }

  private async assertFor(plan: Plan, promotion: Promotion): Promise<void> {
    const refuse = (message: string) => {
      throw new PromotionNotApplicable(PROMOTION_FIELD, message);
    };
    if (promotion.access) refuse("This code opens something by itself: redeem it, there is nothing to pay.");
    if (!promotion.isForSubscriptions)
      refuse("This code is for a course or a learning path, not for a plan.");
    if (promotion.currency && promotion.currency !== plan.currency)
      refuse(`This code takes something off prices in ${promotion.currency}.`);
    const { planId } = promotion;
    if (!planId || planId === plan.id) return;
    // a plan with another price is another row of the same name
    const meant = await this.em.fork().findOne(Plan, { id: planId });
    if (meant?.name !== plan.name) refuse(ANOTHER_PLAN);
  }

  /** Stripe knows what such a code may be used for, and would take one for another plan, and take nothing off. */
  private async madeAtStripe(caller: Caller, code: string, plan: Plan): Promise<string> {
    const customer = await this.customers.find(caller.id);
    const all = await this.stripe.promotions.inUse(code);
    const theirs = all.filter(({ metadata }) => !metadata?.[PROMOTION_ID]);
    // one code may be several: one for each of some customers
    const found = theirs.find(({ customer: of }) => of === null || idOf(of) === customer);
    if (!found) throw unknownCode(PROMOTION_FIELD);
    const { coupon } = found.promotion;
    const products = coupon && typeof coupon === "object" ? coupon.applies_to?.products : undefined;
    if (products && !products.includes(await this.productOf(plan)))
      throw new PromotionNotApplicable(PROMOTION_FIELD, ANOTHER_PLAN);
    return found.id;
  }

  private async productOf(plan: Plan): Promise<string> {
    const price = await this.stripe.price(plan.stripePriceId as string);
    return idOf(price?.product) ?? "";
  }
}
