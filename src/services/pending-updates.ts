import { Intent } from "../entities/intent.ts";
import type { Payment } from "../entities/payment.ts";
import type { Subscription } from "../entities/subscription.ts";
import { openIntent } from "../intents/open-intent.ts";
import type { Of } from "../intents/subscription-changes.ts";
import { wake } from "../jobs/wake.ts";
import type { Write } from "../sync/write.ts";

/**
 * Within the sync of a payment that the bank refused: a change that waited for it is taken back at Stripe, so that no
 * later try can apply what the subscriber was told has failed.
 * @param invoices what the payment was to pay
 */
export async function discardRefused(
  { tx, userId, now, remark }: Write,
  payment: Payment,
  { stripeSubscriptionId: subscription, id, pendingInvoiceId: subject }: Subscription,
  invoices: readonly string[],
): Promise<void> {
  if (payment.status !== "FAILED" || !subject || !invoices.includes(subject)) return;
  const request = { userId, kind: "discard-pending-update", subject, params: { subscription } } as const;
  await wake(tx, "intent", (await openIntent(tx, request, now)).id);
  const reason = "The payment of a change was refused: the change is not made.";
  remark("subscriptions", id, "discard-change", reason);
}

/**
 * Within the sync of a subscription whose change waited for a payment and waits no more, without having been made (it
 * was refused, or nobody paid for 23 hours): what was to follow at the end of the period before it follows again.
 */
export async function putBackOutlook(
  { tx, userId, now }: Write,
  { row, before }: { row: Subscription; before: Partial<Subscription> | null },
): Promise<void> {
  const isOver = before?.pendingInvoiceId && !row.pendingInvoiceId && !row.hasEnded;
  if (!isOver || before.stripePriceId !== undefined || before.quantity !== undefined) return;
  const subject = row.stripeSubscriptionId;
  const [latest] = await tx.find(
    Intent,
    { userId, kind: "change-subscription", subject },
    { orderBy: { id: "desc" }, limit: 1 },
  );
  const change = latest?.params as Of<"switch-now"> | undefined;
  // whatever has been asked for since stands
  if (latest?.state !== "SUCCEEDED" || change?.change !== "switch-now") return;
  if (!change.before.scheduled && !change.before.end) return;
  const params = { change: "put-back", before: change.before };
  const intent = await openIntent(tx, { userId, kind: "change-subscription", subject, params }, now);
  await wake(tx, "intent", intent.id);
}
