import type { EntityManager } from "@mikro-orm/postgresql";

/*
 * The guard against a second live subscription of ours. A slot is claimed by the intent of a checkout, handed
 * to the session that it makes and then to the subscription that is paid for. All under the user's lock.
 */

/** The session that an intent made holds the slot from now on. */
export async function sessionTakesSlot(
  tx: EntityManager,
  userId: string,
  intentId: string,
  sessionId: string,
): Promise<void> {
  await tx.execute(
    `update subscription_slots set intent_id = null, checkout_session_id = ?, updated_at = now()
     where user_id = ? and intent_id = ?`,
    [sessionId, userId, intentId],
  );
}

/** A live subscription holds the slot, whoever held it before; a second one leaves the first its place. */
export async function subscriptionTakesSlot(
  tx: EntityManager,
  userId: string,
  subscriptionId: string,
): Promise<void> {
  await tx.execute(
    `insert into subscription_slots (user_id, stripe_subscription_id, updated_at) values (?, ?, now())
     on conflict (user_id) do update
       set intent_id = null, checkout_session_id = null, stripe_subscription_id = excluded.stripe_subscription_id,
           updated_at = now()
       where subscription_slots.stripe_subscription_id is null`,
    [userId, subscriptionId],
  );
}

/** Frees the slot if this session or subscription holds it. */
export async function releaseSlot(
  tx: EntityManager,
  userId: string,
  holder: { checkoutSessionId: string } | { stripeSubscriptionId: string },
): Promise<void> {
  const [column, id] =
    "checkoutSessionId" in holder
      ? ["checkout_session_id", holder.checkoutSessionId]
      : ["stripe_subscription_id", holder.stripeSubscriptionId];
  await tx.execute(`delete from subscription_slots where user_id = ? and ${column} = ?`, [userId, id]);
}
