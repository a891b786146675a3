import type { EntityManager } from "@mikro-orm/postgresql";
import { Subscription } from "../entities/subscription.ts";
import { rowsBy } from "../rows.ts";
import { type KnownPlans, PLANS_VERSION } from "./known-plans.ts";

/** Reads of subscriptions; what changes them goes through Stripe and comes back by sync. */
export class SubscriptionService {
  constructor(
    private readonly em: EntityManager,
    private readonly plans: KnownPlans,
  ) {}

  /**
   * For each user, in their order, the live subscription, else the latest that ended after being live; null when there
   * never was one.
   * @param only the properties that are wanted, when that is not all
   */
  async currentOf(userIds: readonly string[], only?: readonly string[]): Promise<(Subscription | null)[]> {
    const rows = await rowsBy(this.em, Subscription, {
      ...{ property: "userId", keys: userIds, more: `and was_live ${NEWEST_FIRST}`, also: PLANS_VERSION },
      ...(only && { only }),
    });
    for (const row of rows as (Subscription & { plansVersion: string })[])
      row.knownPlan = this.plans.at(row.planId, row.plansVersion);
    const byUser = Map.groupBy(rows, ({ userId }) => userId);
    return userIds.map((userId) => currentIn(byUser.get(userId) ?? []));
  }

  /** All subscriptions of the users, attempts that came to nothing included, newest first. */
  allOf(userIds: readonly string[]): Promise<Subscription[]> {
    return rowsBy(this.em, Subscription, { property: "userId", keys: userIds, more: NEWEST_FIRST });
  }
}

const NEWEST_FIRST = "order by stripe_created_at desc, id desc";

/** The first of two live ones is the one; the other was a mistake, or is somebody else's to explain. */
function currentIn(own: readonly Subscription[]): Subscription | null {
  if (own.length < 2) return own[0] ?? null;
  const inOrder = [...own.filter((row) => !row.duplicateOf), ...own.filter((row) => row.duplicateOf)];
  return inOrder.find((row) => row.isLive) ?? inOrder[0] ?? null;
}
