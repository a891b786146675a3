import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { Plan } from "../entities/plan.ts";

/** The catalogue: what is sold, and what was. */
export class PlanService {
  constructor(private readonly em: EntityManager) {}

  /** Cheapest month first; with the ones that are no longer sold when asked for. */
  async list(includeInactive = false): Promise<Plan[]> {
    const plans = await this.em.fork().find(Plan, includeInactive ? {} : { isActive: true });
    return plans.sort(
      (left, right) =>
        left.monthlyPrice.amount - right.monthlyPrice.amount || left.name.localeCompare(right.name),
    );
  }

  async byId(id: string): Promise<Plan | null> {
    return isUuid(id) ? this.em.fork().findOne(Plan, { id }) : null;
  }
}
