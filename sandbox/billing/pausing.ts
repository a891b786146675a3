import type { Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";

type Subscription = Kinds["subscription"];
type Reason = NonNullable<Subscription["status_details"]>["paused"]["subscription"]["type"];

/**
 * Stops a subscription until it is resumed: no periods, no invoices (`customer.subscription.paused`).
 * https://docs.stripe.com/billing/subscriptions/pause
 */
export function pausedBecause(tx: Transaction, subscription: Subscription, type: Reason): Subscription {
  const paused = tx.update(
    "subscription",
    subscription.id,
    {
      status: next("subscription", subscription.status, "paused"),
      status_details: {
        paused: { subscription: { type }, transitioned_at: tx.now, type: "subscription" },
      },
    },
    "customer.subscription.updated",
  );
  tx.emit("customer.subscription.paused", paused);
  return paused;
}
