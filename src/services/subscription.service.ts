import type { EntityManager } from "@mikro-orm/postgresql";
import { Subscription } from "../entities/subscription.ts";
import { Gathering } from "../gathering.ts";
import { rowsBy } from "../rows.ts";
import { BRIEF_COLUMNS } from "./brief-subscriptions.ts";
import { type KnownPlans, PLANS_VERSION } from "./known-plans.ts";

/** Lists that are read together: what comes while others are under way goes with the next. */
const TOGETHER = { most: 10, underWay: 3 };

/** Reads of subscriptions; what changes them goes through Stripe and comes back by sync. */
export class SubscriptionService {
  private readonly whole = this.together();
  private readonly brief = this.together(BRIEF_COLUMNS);

  constructor(
    private readonly em: EntityManager,
    private readonly plans: KnownPlans,
  ) {}

  /**
   * For each user, in their order, the live subscription, else the latest that ended after being live; null when there
   * never was one.
   * @param only the properties that are wanted, when that is not all of them
   */
  currentOf(userIds: readonly string[], only?: typeof BRIEF_COLUMNS): Promise<(Subscription | null)[]> {
    return (only ? this.brief : this.whole).ask(userIds);
  }

  /** Of several who ask at the same time, by one statement. */
  private together(only?: readonly string[]) {
    const read = async (all: readonly (readonly string[])[]) => {
      const byUser = await this.readCurrent([...new Set(all.flat())], only);
      return all.map((userIds) => userIds.map((userId) => currentIn(byUser.get(userId))));
    };
    return new Gathering(read, TOGETHER);
  }

  private async readCurrent(
    userIds: readonly string[],
    only: readonly string[] | undefined,
  ): Promise<Map<string, Subscription[]>> {
    const rows = await rowsBy(this.em, Subscription, {
      ...{ property: "userId", keys: userIds, more: `and was_live ${NEWEST_FIRST}`, also: PLANS_VERSION },
      ...(only && { only }),
    });
    const version = (rows[0] as { plansVersion?: string } | undefined)?.plansVersion;
    const plans = version && this.plans.at(version);
    const byUser = new Map<string, Subscription[]>();
    for (const row of rows) {
      if (plans && row.planId) row.knownPlan = plans.get(row.planId);
      const others = byUser.get(row.userId);
      if (others) others.push(row);
      else byUser.set(row.userId, [row]);
    }
    return byUser;
  }

  /** All subscriptions of the users, attempts that came to nothing included, newest first. */
  allOf(userIds: readonly string[]): Promise<Subscription[]> {
    return rowsBy(this.em, Subscription, { property: "userId", keys: userIds, more: NEWEST_FIRST });
  }
}

const NEWEST_FIRST = "order by stripe_created_at desc, id desc";

/** The first of two live ones is the one; the other was a mistake, or is somebody else's to explain. */
function currentIn(own: readonly Subscription[] = []): Subscription | null {
  if (own.length < 2) return own[0] ?? null;
  const inOrder = [...own.filter((row) => !row.duplicateOf), ...own.filter((row) => row.duplicateOf)];
  return inOrder.find((row) => row.isLive) ?? inOrder[0] ?? null;
}
