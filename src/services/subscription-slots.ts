import type { EntityManager } from "@mikro-orm/postgresql";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { Intent } from "../entities/intent.ts";
import { Subscription } from "../entities/subscription.ts";
import { SubscriptionSlot } from "../entities/subscription-slot.ts";
import { flush } from "../flush.ts";
import type { IntentKindName } from "../intents/kinds.ts";
import { openIntent } from "../intents/open-intent.ts";
import { prepared } from "../prepared.ts";
import { forgetRows, isRead, rowsOf } from "../sync/look-ahead.ts";

/*
 * The guard against a second live subscription of ours. A slot is claimed by the intent of a checkout, handed
 * to the session that it makes and then to the subscription that is paid for; or claimed by the intent that makes a
 * subscription, which holds it until that is live. It is free again when its holder has ended. All under the user's
 * lock.
 */

/** The intents that open a subscription. */
export type Opener = Extract<IntentKindName, "create-checkout-session" | "create-subscription">;

/** Who holds the user's one slot, and so what a new checkout has to do first. */
export type Claim =
  | { holder: "subscription" }
  | { holder: "session"; session: CheckoutSession; paramsHash: string | null }
  /** Made by us, its first payment not made yet. */
  | { holder: "incomplete"; subscription: Subscription; paramsHash: string }
  | { holder: "intent"; intent: Intent };

/** Looks at who holds the slot, and takes it for an intent with these parameters when it is free. */
export async function claimSlot(
  tx: EntityManager,
  userId: string,
  opening: { kind: Opener; params: Record<string, unknown> },
  now: Date,
): Promise<Claim> {
  if (await hasLiveSubscription(tx, userId)) return { holder: "subscription" };
  const slot = await tx.findOne(SubscriptionSlot, { userId });
  const session =
    slot?.checkoutSessionId && (await tx.findOne(CheckoutSession, { id: slot.checkoutSessionId }));
  if (session) return { holder: "session", session, paramsHash: await paramsHashOf(tx, session) };
  const holding = slot?.intentId ? await tx.findOne(Intent, { id: slot.intentId }) : null;
  if (holding && holding.state !== "FAILED") {
    const made = await madeBy(tx, holding);
    if (!made) return { holder: "intent", intent: holding };
    if (!made.hasEnded) return { holder: "incomplete", subscription: made, paramsHash: holding.paramsHash };
  }
  const intent = await openIntent(tx, { userId, subject: "subscription", ...opening }, now);
  await tx.upsert(SubscriptionSlot, {
    ...{ userId, intentId: intent.id },
    ...{ checkoutSessionId: null, stripeSubscriptionId: null, updatedAt: new Date() },
  });
  return { holder: "intent", intent };
}

/** The subscription that an intent has made, once our rows have followed. */
async function madeBy(tx: EntityManager, { kind, stripeId }: Intent): Promise<Subscription | null> {
  if (kind !== "create-subscription" || !stripeId) return null;
  return tx.findOne(Subscription, { stripeSubscriptionId: stripeId });
}

/** Whether a subscription of the user is live: the rows say so, or the slot until they do. */
export async function hasLiveSubscription(em: EntityManager, userId: string): Promise<boolean> {
  const slot = await em.findOne(SubscriptionSlot, { userId });
  if (slot?.stripeSubscriptionId) return true;
  const rows = await em.find(Subscription, { userId });
  return rows.some((subscription) => subscription.isLive);
}

async function paramsHashOf(tx: EntityManager, session: CheckoutSession): Promise<string | null> {
  const intent = session.intentId ? await tx.findOne(Intent, { id: session.intentId }) : null;
  return intent?.paramsHash ?? null;
}

/** What became of a session: an open one takes the slot over from its intent, one that leads nowhere frees it. */
export async function slotFollowsSession(tx: EntityManager, session: CheckoutSession): Promise<void> {
  const { userId, intentId = null, id } = session;
  const slot = slotInMemory(tx, userId);
  if (slot === null) return;
  if (session.status === "expired" || (await hasMadeWhatEnded(tx, session)))
    return leave(tx, slot, LEAVE_SLOT, [userId, id, intentId]);
  if (!slot) await prepared(tx, HAND_SLOT_ON, [userId, id, intentId]);
  else if (intentId && slot.intentId === intentId)
    Object.assign(slot, { intentId: null, checkoutSessionId: id, updatedAt: new Date() });
}

/** The user's slot when the transaction has looked ahead, null for none; undefined when it has not. */
function slotInMemory(tx: EntityManager, userId: string): SubscriptionSlot | null | undefined {
  if (!isRead(tx, SubscriptionSlot, [userId])) return undefined;
  return rowsOf(tx, SubscriptionSlot).find((slot) => slot.userId === userId) ?? null;
}

/** Frees it by a statement that says of whom, after what has been changed in memory. */
async function leave(
  tx: EntityManager,
  slot: SubscriptionSlot | undefined,
  statement: string,
  values: (string | null)[],
): Promise<void> {
  await flush(tx);
  const left = await prepared(tx, statement, values);
  if (slot && left.length > 0) forgetRows(tx, [slot]);
}

async function hasMadeWhatEnded(tx: EntityManager, session: CheckoutSession): Promise<boolean> {
  const { stripeSubscriptionId } = session;
  if (!stripeSubscriptionId) return false;
  const made = isRead(tx, Subscription, [stripeSubscriptionId])
    ? rowsOf(tx, Subscription).find((row) => row.stripeSubscriptionId === stripeSubscriptionId)
    : await tx.findOne(Subscription, { stripeSubscriptionId });
  return made?.hasEnded ?? false;
}

/**
 * What became of a subscription: a live one takes the slot, whoever held it before (a second one leaves the first
 * its place); one that has ended frees it, also when its session was still holding it. Returns the subscription that
 * holds the slot of a live one's user.
 */
export async function slotFollowsSubscription(
  tx: EntityManager,
  subscription: Subscription,
): Promise<string | null> {
  const { userId, stripeSubscriptionId } = subscription;
  if (subscription.isLive) {
    const holder = await slotHolder(tx, userId);
    if (holder) return holder;
    await takeSlot(tx, userId, stripeSubscriptionId);
    return stripeSubscriptionId;
  }
  const slot = slotInMemory(tx, userId);
  if (subscription.hasEnded && slot !== null) await leave(tx, slot, END_SLOT, [userId, stripeSubscriptionId]);
  return null;
}

async function takeSlot(tx: EntityManager, userId: string, stripeSubscriptionId: string): Promise<void> {
  const slot = slotInMemory(tx, userId);
  const taken = { intentId: null, checkoutSessionId: null, stripeSubscriptionId, updatedAt: new Date() };
  if (slot) Object.assign(slot, taken);
  else if (slot === null) tx.persist(Object.assign(new SubscriptionSlot(), { userId, ...taken }));
  else await prepared(tx, TAKE_SLOT, [userId, stripeSubscriptionId]);
}

const LEAVE_SLOT = `
  delete from subscription_slots where user_id = $1 and (checkout_session_id = $2 or intent_id = $3)
  returning user_id`;
const END_SLOT = `
  delete from subscription_slots where user_id = $1 and (stripe_subscription_id = $2
     or checkout_session_id in
       (select id from checkout_sessions where user_id = $1 and stripe_subscription_id = $2)
     or intent_id in (select id from intents where user_id = $1 and stripe_id = $2))
  returning user_id`;
const HAND_SLOT_ON = `
  update subscription_slots set intent_id = null, checkout_session_id = $2, updated_at = now()
   where user_id = $1 and intent_id = $3`;
const TAKE_SLOT = `
  insert into subscription_slots (user_id, stripe_subscription_id, updated_at) values ($1, $2, now())
  on conflict (user_id) do update
    set intent_id = null, checkout_session_id = null, stripe_subscription_id = excluded.stripe_subscription_id,
        updated_at = now()`;
const SLOT_HOLDERS = `
  select user_id, stripe_subscription_id from subscription_slots
   where user_id in (select jsonb_array_elements_text($1::jsonb)) and stripe_subscription_id is not null`;

/** The subscription that holds the user's slot; null while none does. */
export async function slotHolder(em: EntityManager, userId: string): Promise<string | null> {
  const slot = slotInMemory(em, userId);
  if (slot !== undefined) return slot?.stripeSubscriptionId ?? null;
  return (await slotHolders(em, [userId])).get(userId) ?? null;
}

/** The same for several users: of each whose slot a subscription holds, which. */
export async function slotHolders(
  em: EntityManager,
  userIds: readonly string[],
): Promise<Map<string, string>> {
  const given = [JSON.stringify(userIds)];
  const rows = await prepared<{ user_id: string; stripe_subscription_id: string }>(em, SLOT_HOLDERS, given);
  return new Map(rows.map((row) => [row.user_id, row.stripe_subscription_id]));
}

/** A subscription that Stripe does not know (any more) holds nothing. */
export async function holderIsGone(em: EntityManager, userId: string, holder: string): Promise<void> {
  await em.execute("delete from subscription_slots where user_id = ? and stripe_subscription_id = ?", [
    userId,
    holder,
  ]);
}
