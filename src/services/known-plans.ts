import type { EntityManager } from "@mikro-orm/postgresql";
import { Plan } from "../entities/plan.ts";
import { rowsBy } from "../rows.ts";

const MOST = 1_000;

/**
 * The version of the whole catalogue, by the transactions that wrote its rows: any change gives another. PostgreSQL
 * reckons it once a statement, where the version of each subscription's own plan cost a third of the statement.
 */
export const PLANS_VERSION = `(select md5(string_agg(concat(id, xmin), ' ' order by id))
  from subscription_plans) as "plansVersion"`;

/**
 * Plans by the version of the catalogue. Whoever reads a subscription reads that version with it, so that a plan is read
 * once in each and never shown as it was before.
 */
export class KnownPlans {
  private readonly byVersion = new Map<string, Plan>();

  constructor(private readonly em: EntityManager) {}

  at(id: string | null | undefined, version: string): Plan | undefined {
    return this.byVersion.get(`${id} ${version}`);
  }

  async byId(ids: readonly string[]): Promise<Plan[]> {
    const plans = await rowsBy(this.em, Plan, { property: "id", keys: ids, also: PLANS_VERSION });
    for (const plan of plans as (Plan & { plansVersion: string })[]) {
      if (this.byVersion.size >= MOST) this.byVersion.clear();
      this.byVersion.set(`${plan.id} ${plan.plansVersion}`, Object.freeze(plan));
    }
    return plans;
  }
}
