import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { Plan } from "../entities/plan.ts";
import { BadUserInput, NotFound, PlanInactive } from "../errors.ts";
import { assertSeats } from "./plan-change.ts";

/** The catalogue: what is sold, and what was. */
export class PlanService {
  constructor(private readonly em: EntityManager) {}

  /** Cheapest month first; for admins with the ones that are no longer sold. @throws Unauthenticated, Forbidden */
  async list(caller: Caller, includeInactive: boolean): Promise<Plan[]> {
    if (includeInactive) caller.assertAdmin();
    const plans = await this.em.fork().find(Plan, includeInactive ? {} : { isActive: true });
    const shown = includeInactive ? plans : plans.filter((plan) => plan.isOnSale);
    return shown.sort(
      (left, right) =>
        left.monthlyPrice.amount - right.monthlyPrice.amount || left.name.localeCompare(right.name),
    );
  }

  /** The plan that somebody chose. @throws NotFound, PlanInactive, BadUserInput for Free or too many seats */
  async sellable({ planId, quantity }: { planId: string; quantity: number }): Promise<Plan> {
    const plan = await this.byId(planId);
    if (!plan) throw new NotFound("plan");
    if (plan.isFree)
      throw new BadUserInput("input.planId", "Free needs no checkout: it is having no subscription.");
    if (!plan.isOnSale || !plan.stripePriceId) throw new PlanInactive();
    assertSeats(plan, quantity, (field) => `input.${field}`);
    return plan;
  }

  async byId(id: string): Promise<Plan | null> {
    return isUuid(id) ? this.em.fork().findOne(Plan, { id }) : null;
  }
}
