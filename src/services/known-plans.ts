import type { EntityManager } from "@mikro-orm/postgresql";
import { Plan } from "../entities/plan.ts";
import { rowsBy } from "../rows.ts";

const MOST = 1_000;

/** The version of the row of a subscription's plan, which PostgreSQL gives a new one with each change. */
export const PLAN_VERSION = `(select xmin::text from subscription_plans where id = plan_id) as "planVersion"`;

/**
 * Plans by the version of their row. Whoever reads a subscription reads with it the version of its plan, so that a plan
 * is read once in its life and never shown as it was before.
 */
export class KnownPlans {
  private readonly byVersion = new Map<string, Plan>();

  constructor(private readonly em: EntityManager) {}

  at(id: string | null | undefined, version: string | null): Plan | undefined {
    return this.byVersion.get(`${id} ${version}`);
  }

  async byId(ids: readonly string[]): Promise<Plan[]> {
    const plans = await rowsBy(this.em, Plan, { property: "id", keys: ids, also: `xmin::text as "version"` });
    for (const plan of plans as (Plan & { version: string })[]) {
      if (this.byVersion.size >= MOST) this.byVersion.clear();
      this.byVersion.set(`${plan.id} ${plan.version}`, Object.freeze(plan));
    }
    return plans;
  }
}
