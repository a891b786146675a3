import { noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { isFinal, next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { stopCollecting, voidInvoice } from "./invoices.ts";

type Subscription = Kinds["subscription"];
type Details = NonNullable<Subscription["cancellation_details"]>;

/** An unpaid first invoice makes the subscription lapse after this long. */
export const INCOMPLETE_SECONDS = 23 * 3600;

/** The first payment never came: the subscription ends and its invoice is taken back. */
export function expireIncomplete(tx: Transaction, subscription: Subscription): void {
  const status = next("subscription", subscription.status, "incomplete_expired");
  tx.update("subscription", subscription.id, { status, ended_at: tx.now }, "customer.subscription.updated");
  const invoice = tx.get("invoice", subscription.latest_invoice ?? "");
  if (invoice?.status === "open") voidInvoice(tx, invoice);
}

/** Why a subscription ends. */
export interface Cancellation {
  comment?: string | null;
  feedback?: Details["feedback"];
  /** Without it, because someone asked. */
  reason?: Details["reason"];
}

/**
 * Ends a subscription at once (`customer.subscription.deleted`). A first invoice that was never paid is
 * taken back; others stay open, and are collected no longer.
 * https://docs.stripe.com/billing/subscriptions/cancel
 */
export function cancelNow(
  tx: Transaction,
  subscription: Subscription,
  { reason = "cancellation_requested", ...said }: Cancellation = {},
): Subscription {
  if (isFinal("subscription", subscription.status)) throw noSuch("subscription", subscription.id);
  const details = subscription.cancellation_details;
  const canceled = tx.update("subscription", subscription.id, {
    status: next("subscription", subscription.status, "canceled"),
    canceled_at: subscription.canceled_at ?? tx.now,
    ended_at: tx.now,
    cancellation_details: {
      comment: details?.comment ?? null,
      feedback: details?.feedback ?? null,
      feedback_option: null,
      ...said,
      reason,
    },
  });
  tx.emit("customer.subscription.deleted", canceled);
  endCollection(tx, subscription);
  return canceled;
}

function endCollection(tx: Transaction, { id, status }: Subscription): void {
  for (const invoice of [...tx.newest("invoice", { index: "subscription", key: id })]) {
    if (status === "incomplete" && invoice.status === "open") voidInvoice(tx, invoice);
    else stopCollecting(tx, invoice);
  }
}
