import type { EntityManager } from "@mikro-orm/postgresql";
import { Subscription } from "../entities/subscription.ts";
import { Gathering } from "../gathering.ts";
import { rowsBy } from "../rows.ts";
import { briefSubscriptions } from "./brief-subscriptions.ts";
import { type KnownPlans, PLANS_VERSION } from "./known-plans.ts";

/** Lists that are read together: what comes while others are under way goes with the next. */
const TOGETHER = { most: 6, underWay: 6 };

/** Reads of subscriptions; what changes them goes through Stripe and comes back by sync. */
export class SubscriptionService {
  private readonly whole = this.together((userIds) => this.readCurrent(userIds));
  private readonly brief = this.together((userIds) => briefSubscriptions(this.em, userIds, this.plans));

  constructor(
    private readonly em: EntityManager,
    private readonly plans: KnownPlans,
  ) {}

  /**
   * For each user, in their order, the live subscription, else the latest that ended after being live; null when there
   * never was one.
   */
  currentOf(userIds: readonly string[]): Promise<(Subscription | null)[]> {
    return this.whole.ask(userIds);
  }

  /** The same, with no more of them than {@link briefSubscriptions} reads. */
  briefOf(userIds: readonly string[]): Promise<(Subscription | null)[]> {
    return this.brief.ask(userIds);
  }

  /** Of several who ask at the same time, by one statement. */
  private together(read: (userIds: readonly string[]) => Promise<(Subscription | null)[]>) {
    const readAll = async (all: readonly (readonly string[])[]) => {
      const places = new Map<string, number>();
      for (const userIds of all)
        for (const userId of userIds) if (!places.has(userId)) places.set(userId, places.size);
      const found = await read([...places.keys()]);
      return all.map((userIds) => userIds.map((userId) => found[places.get(userId) as number] ?? null));
    };
    return new Gathering(readAll, TOGETHER);
  }

  private async readCurrent(userIds: readonly string[]): Promise<(Subscription | null)[]> {
    const rows = await rowsBy(this.em, Subscription, {
      ...{ property: "userId", keys: userIds, more: `and was_live ${NEWEST_FIRST}`, also: PLANS_VERSION },
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
    return userIds.map((userId) => currentIn(byUser.get(userId)));
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
