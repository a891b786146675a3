import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { isFinal } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import type { Cancellation } from "./cancellation.ts";
import { periodEnd } from "./subscription-items.ts";

type Subscription = Kinds["subscription"];

export interface SubscriptionChanges {
  cancel_at_period_end?: boolean;
  cancellation?: Cancellation;
  default_payment_method?: string;
  description?: string | null;
  metadata?: Record<string, string>;
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
