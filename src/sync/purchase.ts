import type Stripe from "stripe";
import { validate as isUuid } from "uuid";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { Dispute } from "../entities/dispute.ts";
import { Intent } from "../entities/intent.ts";
import { Invoice, InvoicePayment } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { Refund } from "../entities/refund.ts";
import { eventId } from "../events/event-types.ts";
import { flush } from "../flush.ts";
import type { IntentKindName } from "../intents/kinds.ts";
import { openIntent } from "../intents/open-intent.ts";
import { wake } from "../jobs/wake.ts";
import { placeIsUsed } from "../services/promotion-places.ts";
import { freeSlot, holdSlot, slotHolderOf } from "../services/purchase-slots.ts";
import {
  isOwed,
  type PurchaseFacts,
  type PurchaseStanding,
  paymentMade,
  purchaseStanding,
} from "../services/purchase-standing.ts";
import { PURCHASE_ID, RESOURCE_ID, RESOURCE_TYPE } from "../stripe/metadata.ts";
import { PurchasableType } from "../types/enums.ts";
import { mirrorKnown } from "./mirror.ts";
import type { Write } from "./write.ts";

/** What an object of Stripe's says that it asks the money for. */
export interface Ordered {
  metadata: Stripe.Metadata | null | undefined;
  amountMinor: number;
  currency: string;
  createdAt: Date;
}

/**
 * The purchase that an object of Stripe's asks the money for; null for none. An order that our rows have lost is made
 * known again: what was paid for is never nobody's.
 */
export async function purchaseOf({ tx, userId }: Write, ordered: Ordered): Promise<string | null> {
  const { metadata, amountMinor, currency, createdAt } = ordered;
  const id = metadata?.[PURCHASE_ID];
  if (!id || !isUuid(id)) return null;
  const known = await tx.findOne(Purchase, { id });
  if (known) return known.userId === userId ? id : null;
  const { [RESOURCE_TYPE]: resourceType = "", [RESOURCE_ID]: resourceId } = metadata ?? {};
  if (!resourceId || amountMinor === 0 || !Object.hasOwn(PurchasableType, resourceType)) return null;
  const lost = {
    resourceType: resourceType as PurchasableType,
    resourceId,
    amountMinor,
    currency,
    createdAt,
  };
  tx.create(Purchase, { id, userId, ...lost, status: "PENDING", payBefore: createdAt } as never, {
    persist: true,
  });
  await flush(tx);
  return id;
}

/**
 * Within a sync, or whatever else changed what a purchase rests on: brings its state, its slot, its grant and its events
 * in step with our rows of its page, invoice, payments, refunds and disputes.
 * @param made what asks for its money, as far as the caller knows it
 */
export async function followPurchase(
  write: Write,
  id: string,
  made: Pick<Purchase, "checkoutSessionId" | "stripeInvoiceId"> = {},
): Promise<void> {
  const { tx, userId } = write;
  await flush(tx);
  const purchase = await tx.findOne(Purchase, { id, userId });
  if (!purchase) return;
  const known = { ...pickMade(purchase), ...made };
  const facts = await factsOf(write, purchase, known);
  const isNews = await isPaidInVain(write, purchase, facts);
  const standing = purchaseStanding(purchase, facts);
  const duplicates = (await followSlot(write, purchase, standing)) || isNews;
  const wasPaid = purchase.purchasedAt != null;
  const payment = paymentMade(facts.payments) ?? facts.payments.at(-1) ?? null;
  const isPaid =
    standing.status !== "PENDING" && standing.status !== "FAILED" && standing.status !== "EXPIRED";
  const change = mirrorKnown(tx, Purchase, purchase, {
    ...known,
    status: standing.status,
    stripePaymentIntentId: payment?.stripePaymentIntentId ?? null,
    ...(isPaid && !wasPaid && { purchasedAt: notBefore(purchase.withdrawnAt, write.now) }),
  });
  write.audit("purchases", id, change);
  if (isPaid && !wasPaid && !duplicates) {
    await placeIsUsed(write, { purchaseId: id });
    announce(write, purchase, payment);
  }
  await write.access.followPurchase(write, purchase, standing.opens && !duplicates);
  if (standing.isToBeGivenUp) await giveUp(write, purchase, facts);
  if (payment && (duplicates || (await goesBack(write, purchase, payment))))
    await write.duplicates.giveBackPurchase(write, payment);
  else if (duplicates && !wasPaid) write.remark("purchases", id, "refund-owed", PAID_OTHERWISE);
  const opensNow = standing.opens && !duplicates && !wasPaid;
  if (opensNow && purchase.resourceType === "LEARNING_PATH") await endOrdersOfCourses(write, purchase);
  if (purchase.resourceType === "COURSE") await followCreditedPaths(write, id);
}

/**
 * Money for what is theirs already, by a path or a gift that came between order and payment: it opens nothing, for good,
 * and goes back.
 */
async function isPaidInVain(write: Write, purchase: Purchase, facts: PurchaseFacts): Promise<boolean> {
  if (purchase.purchasedAt || !paymentMade(facts.payments)) return false;
  // what became theirs since does not make the payment one in vain
  const { stripeCreatedAt } = paymentMade(facts.payments) as Payment;
  // Stripe counts whole seconds: what became theirs within that second was theirs, and the money goes back
  const at = new Date(stripeCreatedAt.getTime() + 999);
  if (!(await write.access.isOwned(write.tx, purchase, { but: purchase.id, at }))) return false;
  purchase.withdrawnAt = write.now;
  return true;
}

/**
 * Whether one that opens nothing any more opened nothing when its money came either, or that was going back before. What
 * was paid for and ended later stays paid: giving it back is for staff to decide.
 */
async function goesBack(
  write: Write,
  { withdrawnAt, purchasedAt }: Purchase,
  payment: Payment,
): Promise<boolean> {
  if (!withdrawnAt || !purchasedAt) return false;
  return withdrawnAt <= purchasedAt || write.duplicates.isGivingBack(write, payment);
}

/** The clocks of two processes may disagree about what came first; their order under the user's lock does not. */
const notBefore = (earlier: Date | null | undefined, now: Date) => (earlier && earlier > now ? earlier : now);

/** Whoever has bought a path does not buy its courses: orders of them that were begun make way. */
async function endOrdersOfCourses(write: Write, path: Purchase): Promise<void> {
  const { tx, userId } = write;
  const rows = await tx.execute<{ id: string }[]>(
    `select purchase.id from purchases purchase
      where user_id = ? and resource_type = 'COURSE' and status = 'PENDING'
        and resource_id in (select course_id from learning_path_courses where path_id = ?)`,
    [userId, path.resourceId],
  );
  for (const { id } of rows) {
    const begun = await tx.findOneOrFail(Purchase, { id });
    await makeWay(write, begun);
    await freeSlot(tx, begun);
  }
}

/** A path that cost nothing because of a course is open as long as that course's money stays. */
async function followCreditedPaths(write: Write, courseId: string): Promise<void> {
  const rows = await write.tx.execute<{ id: string }[]>(
    `select id from purchases
      where user_id = ? and resource_type = 'LEARNING_PATH' and amount_minor = 0 and credited_from @> ?::jsonb`,
    [write.userId, JSON.stringify([courseId])],
  );
  for (const { id } of rows) await followPurchase(write, id);
}

/** Money of another kind than a payment, which no refund brings back. */
const PAID_OTHERWISE =
  "Paid by a balance at Stripe, or noted there as paid, when the user had bought the same: somebody has to give it back.";

const pickMade = ({ checkoutSessionId = null, stripeInvoiceId = null }: Purchase) => ({
  checkoutSessionId,
  stripeInvoiceId,
});

/** Follows every purchase of a user. For reconciliation. */
export async function followPurchases(write: Write): Promise<void> {
  const purchases = await write.tx.find(Purchase, { userId: write.userId }, { orderBy: { id: "asc" } });
  for (const { id } of purchases) await followPurchase(write, id);
}

async function factsOf(
  { tx }: Write,
  { id, intentId, amountMinor, creditedFrom }: Purchase,
  { checkoutSessionId, stripeInvoiceId }: Pick<Purchase, "checkoutSessionId" | "stripeInvoiceId">,
): Promise<PurchaseFacts> {
  const payments = await tx.find(
    Payment,
    { purchaseId: id },
    { orderBy: { stripeCreatedAt: "asc", id: "asc" } },
  );
  const paid = paymentMade(payments);
  const ofPaid = paid && { stripePaymentIntentId: paid.stripePaymentIntentId };
  const oldestFirst = { orderBy: { stripeCreatedAt: "asc", id: "asc" } } as const;
  return {
    payments,
    intent: intentId ? await tx.findOne(Intent, { id: intentId }) : null,
    session: checkoutSessionId ? await tx.findOne(CheckoutSession, { id: checkoutSessionId }) : null,
    invoice: stripeInvoiceId ? await tx.findOne(Invoice, { stripeInvoiceId }) : null,
    hasPayer:
      stripeInvoiceId != null &&
      (await tx.count(InvoicePayment, { stripeInvoiceId, status: { $ne: "canceled" } })) > 0,
    isCreditGone:
      amountMinor === 0 &&
      creditedFrom.length > 0 &&
      (await tx.count(Purchase, {
        id: { $in: creditedFrom },
        $or: [{ status: { $in: ["REFUNDED", "DISPUTED"] } }, { withdrawnAt: { $ne: null } }],
      })) > 0,
    refunds: ofPaid ? await tx.find(Refund, ofPaid, oldestFirst) : [],
    disputes: ofPaid ? await tx.find(Dispute, ofPaid) : [],
  };
}

/**
 * One purchase of a thing holds the slot. Money that comes late is honoured when nobody has bought the same meanwhile:
 * what is only begun makes way. Returns whether another one has been paid for and opens it already.
 */
async function followSlot(write: Write, purchase: Purchase, standing: PurchaseStanding): Promise<boolean> {
  const { tx } = write;
  const holder = await slotHolderOf(tx, purchase);
  if (!standing.holdsSlot) {
    if (holder?.id === purchase.id) await freeSlot(tx, purchase);
    return false;
  }
  if (!holder) await holdSlot(tx, purchase);
  if (!holder || holder.id === purchase.id) return false;
  if (standing.status === "PENDING") {
    standing.status = "EXPIRED";
    standing.isToBeGivenUp = true;
    return false;
  }
  if (!holder.isOpen) return true;
  await holdSlot(tx, purchase);
  await makeWay(write, holder);
  return false;
}

/** An order that was begun, when an earlier one turns out to be paid for. */
async function makeWay(write: Write, begun: Purchase): Promise<void> {
  const change = mirrorKnown(write.tx, Purchase, begun, { status: "EXPIRED" });
  write.audit("purchases", begun.id, change);
  const facts = await factsOf(write, begun, begun);
  await giveUp(write, begun, facts);
}

/** Sees to it that nobody can pay it any more. */
async function giveUp(write: Write, purchase: Purchase, { session, invoice }: PurchaseFacts): Promise<void> {
  const { checkoutSessionId, stripeInvoiceId } = purchase;
  if (session?.status === "open" && checkoutSessionId)
    await change(write, "expire-checkout-session", checkoutSessionId);
  else if (invoice && stripeInvoiceId && isOwed(invoice))
    await change(write, "void-purchase", stripeInvoiceId);
}

async function change({ tx, userId, now }: Write, kind: IntentKindName, subject: string): Promise<void> {
  const intent = await openIntent(tx, { userId, kind, subject, params: {} }, now);
  await wake(tx, "intent", intent.id);
}

function announce({ emit }: Write, purchase: Purchase, payment: Payment | null): void {
  const { id: purchaseId, resourceType, resourceId, amountMinor, currency } = purchase;
  emit({
    id: eventId("purchase.completed", purchaseId),
    type: "purchase.completed",
    data: { purchaseId, resourceType, resourceId, paymentId: payment?.id ?? null, amountMinor, currency },
  });
}
