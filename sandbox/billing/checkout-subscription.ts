import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import { itemAmount, pricingOf } from "./checkout-amounts.ts";
import { earlierAttempt } from "./checkout-order.ts";
import type { Attempt } from "./checkout-outcome.ts";
import { redeemed } from "./checkout-outcome.ts";
import { confirmIntent, createIntent, needsAuthentication } from "./intents.ts";
import { claimItems, insertInvoiceItem, lineOfItem, pendingItems } from "./invoice-items.ts";
import { draftInvoice, finalizeInvoice } from "./invoices.ts";
import { attach, cardOf } from "./payment-methods.ts";
import type { ItemInput } from "./subscription-items.ts";
import { itemLine } from "./subscription-lines.ts";
import { createSubscription } from "./subscriptions.ts";

type LineItem = CheckoutDetails["line_items"][number];
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
  const willPay = !needsAuthentication(tx, method!) && !declines && !declinesCharges;
  if (willPay) attach(tx, method!, customer.id);
  const payment = typeof intent === "function" ? intent() : intent;
  return confirmIntent(tx, payment, tx.need("payment_method", method!.id));
}

/** Makes the subscription and its first invoice, to be paid by `intent` when something is due. */
function openSubscription(
  tx: Transaction,
  details: CheckoutDetails,
  { customer, method, trialEnd }: Order,
  intent: Intent | null,
): Attempt {
  const id = newId("sub");
  const invoiceId = newId("in");
  const { missing_payment_method, description, metadata, billing_mode } = details.subscription_data;
  const subscription = createSubscription(tx, {
    id,
    customer: customer.id,
    currency: details.line_items[0]!.currency,
    items: details.line_items.flatMap(itemInput),
    latest_invoice: invoiceId,
    description,
    metadata,
    billing_mode,
    trial_end: trialEnd,
    missing_payment_method,
    default_payment_method: intent === null ? (method?.id ?? null) : null,
    discounts: redeemed(tx, details, { customer: customer.id, subscription: id }).map(
      (discount) => discount.id,
    ),
  });
  for (const item of details.line_items) orderOnce(tx, item, subscription);
  const waiting = pendingItems(tx, subscription);
  claimItems(tx, waiting, invoiceId);
  const draft = draftInvoice(tx, {
    id: invoiceId,
    customer,
    subscription,
    currency: subscription.currency,
    billing_reason: "subscription_create",
    lines: [
      ...subscription.items.data.map((item) => itemLine(tx, subscription, item)),
      ...waiting.map(lineOfItem),
    ],
  });
  const invoice = finalizeInvoice(tx, draft, intent);
  const attempt = {
    customer: customer.id,
    subscription: id,
    invoice: invoice.id,
    payment_intent: intent?.id ?? null,
  };
  tx.update("checkout_details", details.id, { attempt });
  return attempt;
}

const itemInput = ({ price, quantity, metadata }: LineItem): ItemInput[] =>
  price?.recurring ? [{ price, quantity: quantity ?? undefined, metadata: metadata ?? {} }] : [];

/** What is bought once is on the first invoice only. */
function orderOnce(tx: Transaction, item: LineItem, { id, customer }: Kinds["subscription"]): void {
  const { price, quantity, description, currency } = item;
  if (price!.recurring) return;
  insertInvoiceItem(tx, {
    amount: itemAmount(tx, item),
    currency,
    customer,
    description,
    parent: { subscription_details: { subscription: id }, type: "subscription_details" },
    period: { start: tx.now, end: tx.now },
    pricing: pricingOf(item),
    quantity: quantity ?? 1,
    quantity_decimal: String(quantity ?? 1),
  });
}
