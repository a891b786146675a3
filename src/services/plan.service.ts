import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { Customer } from "../entities/customer.ts";
import { Plan } from "../entities/plan.ts";
import { BadUserInput, NotFound, PlanInactive } from "../errors.ts";
import type { KnownPlans } from "./known-plans.ts";
import { assertSeats } from "./plan-change.ts";

/** The catalogue: what is sold, and what was. */
export class PlanService {
  constructor(
    private readonly em: EntityManager,
    private readonly known: KnownPlans,
  ) {}

  /** Cheapest month first; for admins with the ones that are no longer sold. @throws Unauthenticated, Forbidden */
  async list(caller: Caller, includeInactive: boolean): Promise<Plan[]> {
    if (includeInactive) caller.assertAdmin();
    const plans = await this.known.list(includeInactive);
    const shown = includeInactive ? plans : plans.filter((plan) => plan.isOnSale);
    return shown.toSorted(
      (left, right) =>
        left.monthlyPrice.amount - right.monthlyPrice.amount || left.name.localeCompare(right.name),
    );
  }

  /** The plan that a user chose. @throws NotFound, PlanInactive, BadUserInput for Free, too many seats, another currency */
  async sellable({ planId, quantity }: { planId: string; quantity: number }, userId: string): Promise<Plan> {
    const plan = await this.byId(planId);
    if (!plan) throw new NotFound("plan");
    if (plan.isFree)
      throw new BadUserInput("input.planId", "Free needs no checkout: it is having no subscription.");
    if (!plan.isOnSale || !plan.stripePriceId) throw new PlanInactive();
    assertSeats(plan, quantity, (field) => `input.${field}`);
    const customer = await this.em.fork().findOne(Customer, { userId, isDeleted: false });
    // Stripe keeps a customer to the currency of their first payment
    if (customer?.currency && customer.currency !== plan.currency)
      throw new BadUserInput(
        "input.planId",
        `You pay in ${customer.currency}: choose a plan in that currency.`,
      );
    return plan;
  }

  async byId(id: string): Promise<Plan | null> {
    return isUuid(id) ? this.em.fork().findOne(Plan, { id }) : null;
  }
}
