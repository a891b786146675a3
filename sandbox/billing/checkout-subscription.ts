import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import { earlierAttempt } from "./checkout-order.ts";
import type { Attempt } from "./checkout-outcome.ts";
import { confirmIntent, createIntent, needsAuthentication } from "./intents.ts";
import { draftInvoice, finalizeInvoice } from "./invoices.ts";
import { subscriptionLine } from "./lines.ts";
import { attach, cardOf } from "./payment-methods.ts";
import { createSubscription } from "./subscriptions.ts";

type Intent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

/** Who subscribes, and how. */
interface Order {
  customer: Kinds["customer"];
  method: PaymentMethod | null;
  /** In seconds; null without a trial. */
  trialEnd: number | null;
}

/**
 * Tries to take the first payment, and makes the subscription and the invoice that it is for. The
 * payment comes first, as it does at Stripe: these are made knowing what became of it. Null when
 * nothing is due yet: the first invoice is then paid already.
 */
export function subscribe(tx: Transaction, details: CheckoutDetails, order: Order): Intent | null {
  const { customer, method } = order;
  const earlier = earlierAttempt(tx, details);
  if (earlier) return confirm(tx, tx.need("payment_intent", earlier.payment_intent!), order);
  const amount = dueFirst(tx, details, order);
  if (amount === 0) {
    if (method) attach(tx, method, customer.id);
    openSubscription(tx, details, order, null);
    return null;
  }
  const firstPayment = () =>
    createIntent(tx, {
      amount,
      currency: details.line_items[0]!.currency,
      customer: customer.id,
      description: "Subscription creation",
      setup_future_usage: "off_session",
    });
  const intent = confirm(tx, firstPayment, order);
  openSubscription(tx, details, order, intent);
  return intent;
}

/** What the first invoice will come to, with whatever credit or debt the customer has. */
function dueFirst(tx: Transaction, details: CheckoutDetails, order: Order): number {
  return tx.imagine(() => {
    const { invoice } = openSubscription(tx, details, order, null);
    return tx.need("invoice", invoice!).amount_due;
  });
}

/** A card that will serve becomes the customer's first, as Stripe tells it. */
function confirm(tx: Transaction, intent: Intent | (() => Intent), { customer, method }: Order): Intent {
  const { declines, declinesCharges } = cardOf(method!);
  const willPay = !needsAuthentication(method!) && !declines && !declinesCharges;
  if (willPay) attach(tx, method!, customer.id);
  const payment = typeof intent === "function" ? intent() : intent;
  return confirmIntent(tx, payment, tx.need("payment_method", method!.id), null);
}

/** Makes the subscription and its first invoice, to be paid by `intent` when something is due. */
function openSubscription(
  tx: Transaction,
  details: CheckoutDetails,
  { customer, method, trialEnd }: Order,
  intent: Intent | null,
): Attempt {
  const invoiceId = newId("in");
  const data = details.subscription_data;
  const subscription = createSubscription(tx, {
    customer: customer.id,
    currency: details.line_items[0]!.currency,
    items: details.line_items.map((item) => ({
      price: item.price!,
      quantity: item.quantity ?? 1,
      metadata: {},
    })),
    latest_invoice: invoiceId,
    description: data.description,
    metadata: data.metadata,
    billing_mode: data.billing_mode,
    trial_end: trialEnd,
    missing_payment_method: data.missing_payment_method,
    default_payment_method: intent === null ? (method?.id ?? null) : null,
  });
  const draft = draftInvoice(tx, {
    id: invoiceId,
    customer,
    subscription,
    currency: subscription.currency,
    billing_reason: "subscription_create",
    lines: subscription.items.data.map((item) => subscriptionLine(tx, invoiceId, item, trialEnd !== null)),
  });
  const invoice = finalizeInvoice(tx, draft, intent);
  const attempt = {
    customer: customer.id,
    subscription: subscription.id,
    invoice: invoice.id,
    payment_intent: intent?.id ?? null,
  };
  tx.update("checkout_details", details.id, { attempt });
  return attempt;
}
