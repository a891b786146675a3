import { invalidRequest, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { isFinal, next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { voidInvoice } from "./invoices.ts";

type Subscription = Kinds["subscription"];

/** An unpaid first invoice makes the subscription lapse after this long. */
export const INCOMPLETE_SECONDS = 23 * 3600;

/** The first payment never came: the subscription ends and its invoice is taken back. */
export function expireIncomplete(tx: Transaction, subscription: Subscription): void {
  const status = next("subscription", subscription.status, "incomplete_expired");
  tx.update("subscription", subscription.id, { status, ended_at: tx.now }, "customer.subscription.updated");
  const invoice = tx.get("invoice", subscription.latest_invoice ?? "");
  if (invoice?.status === "open") voidInvoice(tx, invoice);
}

/** Why the customer leaves. */
export interface Cancellation {
  comment: string | null;
  feedback: NonNullable<Subscription["cancellation_details"]>["feedback"];
}

export interface SubscriptionChanges {
  cancel_at_period_end?: boolean;
  cancellation?: Cancellation;
  default_payment_method?: string;
  description?: string | null;
  metadata?: Record<string, string>;
}

/** The end of the period that runs longest. */
export function periodEnd(subscription: Subscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end));
}

/** Changes what may still be changed; of an ended subscription, only its metadata. */
export function updateSubscription(
  tx: Transaction,
  subscription: Subscription,
  changes: SubscriptionChanges,
): Subscription {
  const { cancel_at_period_end, cancellation, ...plain } = changes;
  const touchesMore = Object.keys(changes).some((name) => name !== "metadata");
  if (touchesMore && isFinal("subscription", subscription.status)) {
    throw invalidRequest("A canceled subscription can only update its cancellation_details and metadata.", {
      code: "invalid_canceled_subscription_fields",
    });
  }
  const details = subscription.cancellation_details;
  return tx.update(
    "subscription",
    subscription.id,
    {
      ...plain,
      ...(cancel_at_period_end !== undefined && scheduledCancel(tx, subscription, cancel_at_period_end)),
      ...(cancellation && details && { cancellation_details: { ...details, ...cancellation } }),
    },
    "customer.subscription.updated",
  );
}

function scheduledCancel(tx: Transaction, subscription: Subscription, on: boolean): Partial<Subscription> {
  if (on === subscription.cancel_at_period_end) return {};
  return {
    cancel_at_period_end: on,
    cancel_at: on ? periodEnd(subscription) : null,
    canceled_at: on ? tx.now : null,
    cancellation_details: {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: on ? "cancellation_requested" : null,
    },
  };
}

/** Ends a subscription at once. Nothing is given back; a first invoice that was never paid is taken back. */
export function cancelNow(
  tx: Transaction,
  subscription: Subscription,
  cancellation?: Cancellation,
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
      ...cancellation,
      reason: "cancellation_requested",
    },
  });
  const invoice = tx.get("invoice", subscription.latest_invoice ?? "");
  if (subscription.status === "incomplete" && invoice?.status === "open") voidInvoice(tx, invoice);
  tx.emit("customer.subscription.deleted", canceled);
  return canceled;
}
