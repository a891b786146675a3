import type { EntityManager } from "@mikro-orm/postgresql";
import { Plan } from "../entities/plan.ts";
import { Gathering } from "../gathering.ts";
import { prepared } from "../prepared.ts";
import { rowsBy } from "../rows.ts";

/** Versions whose plans are remembered: the latest, and those before that statements under way may still name. */
const MOST = 4;

/**
 * The version of the whole catalogue, by the transactions that wrote its rows: any change gives another. PostgreSQL
 * reckons it once a statement, where the version of each subscription's own plan cost a third of the statement.
 */
export const PLANS_VERSION = `(select md5(string_agg(concat(id, xmin), ' ' order by id))
  from subscription_plans) as "plansVersion"`;

type Versioned = Plan & { plansVersion: string };

/**
 * Plans by the version of the catalogue. Whoever reads a subscription reads that version with it, so that a plan is read
 * once in each and never shown as it was before; who lists the plans asks for the version alone.
 */
export class KnownPlans {
  private readonly byId = new Map<string, Map<string, Plan>>();
  private readonly lists = new Map<string, readonly Plan[]>();
  /** Asked by all who list at the same time: each by a statement that begins after they came. */
  private readonly versions = new Gathering((all: null[]) => this.version(all.length), {
    ...{ most: 1_000, underWay: 2 },
  });

  constructor(private readonly em: EntityManager) {}

  /** Those that have been read at a version, by their ids. */
  at(version: string): ReadonlyMap<string, Plan> | undefined {
    return this.byId.get(version);
  }

  async read(ids: readonly string[]): Promise<Plan[]> {
    const plans = await this.rows({ property: "id", keys: ids });
    for (const plan of plans) {
      const known = this.byId.get(plan.plansVersion) ?? new Map<string, Plan>();
      keep(this.byId, plan.plansVersion, known.set(plan.id, plan));
    }
    return plans;
  }

  /** All there are, or those that are active, as they are now; in no order. */
  async list(includeInactive: boolean): Promise<readonly Plan[]> {
    const known = this.lists.get(`${await this.versions.ask(null)} ${includeInactive}`);
    if (known) return known;
    const plans = await this.rows({ property: "isActive", keys: includeInactive ? [true, false] : [true] });
    const [first] = plans;
    if (first) keep(this.lists, `${first.plansVersion} ${includeInactive}`, Object.freeze(plans));
    return plans;
  }

  private async rows(wanted: { property: "id" | "isActive"; keys: readonly (string | boolean)[] }) {
    const plans = (await rowsBy(this.em, Plan, { ...wanted, also: PLANS_VERSION })) as Versioned[];
    for (const plan of plans) Object.freeze(plan);
    return plans;
  }

  private async version(times: number): Promise<string[]> {
    const sql = `select ${PLANS_VERSION} where true = any($1)`;
    const [row] = await prepared<{ plansVersion: string | null }>(this.em, sql, [[true]]);
    return new Array(times).fill(row?.plansVersion ?? "none");
  }
}

function keep<V>(known: Map<string, V>, key: string, value: V): void {
  known.set(key, value);
  for (const oldest of known.keys())
    if (known.size > MOST) known.delete(oldest);
    else break;
}
