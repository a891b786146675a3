import type { Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** What a paid invoice means for its subscription: the first payment makes it active. */
export function subscriptionInvoicePaid(tx: Transaction, subscription: Subscription, invoice: Invoice): void {
  if (subscription.status !== "incomplete") return;
  const payment = tx.find("invoice_payment", "invoice", invoice.id)?.payment.payment_intent;
  const method = payment ? tx.need("payment_intent", payment).payment_method : null;
  tx.update(
    "subscription",
    subscription.id,
    {
      status: next("subscription", subscription.status, "active"),
      ...(method && { default_payment_method: method }),
    },
    "customer.subscription.updated",
  );
}

/** What a refused payment means for the subscription of the invoice. A first one leaves it incomplete. */
export function subscriptionInvoiceFailed(
  _tx: Transaction,
  _subscription: Subscription,
  _invoice: Invoice,
): void {}
