import type { Payment } from "../entities/payment.ts";
import type { Subscription } from "../entities/subscription.ts";
import { openIntent } from "../intents/intents.ts";
import { wake } from "../jobs/wake.ts";
import type { Write } from "../sync/road.ts";

/**
 * Within the sync of a payment that the bank refused: a change that waited for it is taken back at Stripe, so that no
 * later try can apply what the subscriber was told has failed.
 * @param invoices what the payment was to pay
 */
export async function discardRefused(
  { tx, userId, now, remark }: Write,
  payment: Payment,
  { stripeSubscriptionId: subject, id, pendingInvoiceId: invoice }: Subscription,
  invoices: readonly string[],
): Promise<void> {
  if (payment.status !== "FAILED" || !invoice || !invoices.includes(invoice)) return;
  const intent = await openIntent(
    tx,
    { userId, kind: "discard-pending-update", subject, params: { invoice } },
    now,
  );
  await wake(tx, "intent", intent.id);
  remark(
    "subscriptions",
    id,
    "discard-change",
    "The payment of a change was refused: the change is not made.",
  );
}
