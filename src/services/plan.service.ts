import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { Plan } from "../entities/plan.ts";

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

  async byId(id: string): Promise<Plan | null> {
    return isUuid(id) ? this.em.fork().findOne(Plan, { id }) : null;
  }
}
