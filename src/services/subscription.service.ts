import type { EntityManager } from "@mikro-orm/postgresql";
import { Subscription } from "../entities/subscription.ts";

/** Reads of subscriptions; what changes them goes through Stripe and comes back by sync. */
export class SubscriptionService {
  constructor(private readonly em: EntityManager) {}

  /** For each user the live subscription, else the latest that ended after being live; null when there never was one. */
  async currentOf(userIds: readonly string[]): Promise<Map<string, Subscription | null>> {
    const rows = await this.em
      .fork()
      .find(
        Subscription,
        { userId: { $in: [...userIds] }, wasLive: true },
        { orderBy: { stripeCreatedAt: "desc", id: "desc" } },
      );
    return new Map(
      userIds.map((userId) => {
        const own = rows.filter((row) => row.userId === userId);
        // the first of two live ones is the one; the other was a mistake, or is somebody else's to explain
        const inOrder = [...own.filter((row) => !row.duplicateOf), ...own.filter((row) => row.duplicateOf)];
        return [userId, inOrder.find((row) => row.isLive) ?? inOrder[0] ?? null];
      }),
    );
  }

  /** All subscriptions of the users, attempts that came to nothing included, newest first. */
  allOf(userIds: readonly string[]): Promise<Subscription[]> {
    const newestFirst = { stripeCreatedAt: "desc", id: "desc" } as const;
    return this.em.fork().find(Subscription, { userId: { $in: [...userIds] } }, { orderBy: newestFirst });
  }
}
