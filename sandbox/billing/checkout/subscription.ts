import { newId } from "../../ids.ts";
import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { attach } from "../customers/payment-methods.ts";
import { finalizeInvoice } from "../invoices/invoices.ts";
import { declineOf } from "../payments/charging.ts";
import { confirmIntent, createIntent, needsAuthentication } from "../payments/intents.ts";
import { type ExtraItem, insertExtraItems } from "../subscriptions/extra-items.ts";
import { draftBill } from "../subscriptions/invoices.ts";
import type { ItemInput } from "../subscriptions/items.ts";
import { itemLine } from "../subscriptions/lines.ts";
import { createSubscription } from "../subscriptions/subscriptions.ts";
import { redeemed } from "./discounts.ts";
import { earlierAttempt } from "./order.ts";
import { noteAttempt } from "./outcome.ts";

type LineItem = CheckoutDetails["line_items"][number];
type Session = Kinds["checkout.session"];
type Invoice = Kinds["invoice"];
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
export function subscribe(tx: Transaction, session: Session, order: Order): Intent | null {
  const { customer, method } = order;
  const earlier = earlierAttempt(tx, tx.need("checkout_details", session.id));
  const due = earlier ? null : dueFirst(tx, session, order);
  if (due === 0 || !method) {
    if (method) attach(tx, method, customer.id);
    openSubscription(tx, session, order, null);
    return null;
  }
  // A card that will serve becomes the customer's first, as Stripe tells it.
  if (willServe(tx, method)) attach(tx, method, customer.id);
  const intent = confirmIntent(
    tx,
    earlier
      ? tx.need("payment_intent", earlier.payment_intent!)
      : firstPayment(tx, session, due!, customer.id),
    tx.need("payment_method", method.id),
  );
  if (!earlier) openSubscription(tx, session, order, intent);
  return intent;
}

/** What the first invoice will come to, with whatever credit or debt the customer has. */
function dueFirst(tx: Transaction, session: Session, order: Order): number {
  return tx.imagine(() => openSubscription(tx, session, order, null).amount_due);
}

const willServe = (tx: Transaction, method: PaymentMethod): boolean =>
  !needsAuthentication(tx, method) && declineOf(tx, method) === null;

function firstPayment(tx: Transaction, { currency }: Session, amount: number, customer: string): Intent {
  return createIntent(tx, {
    amount,
    currency: currency!,
    customer,
    description: "Subscription creation",
    setup_future_usage: "off_session",
  });
}

/** Makes the subscription and its first invoice, to be paid by `intent` when something is due. */
function openSubscription(
  tx: Transaction,
  session: Session,
  { customer, method, trialEnd }: Order,
  intent: Intent | null,
): Invoice {
  const { line_items, subscription_data } = tx.need("checkout_details", session.id);
  const { trial_end: _, trial_period_days: __, ...data } = subscription_data;
  const id = newId("sub");
  const invoice = newId("in");
  const discounts = redeemed(tx, session, { customer: customer.id, subscription: id });
  const subscription = createSubscription(tx, {
    ...data,
    id,
    customer: customer.id,
    currency: session.currency!,
    items: line_items.flatMap(itemInput),
    latest_invoice: invoice,
    trial_end: trialEnd,
    // Whatever is to be paid first is waited for; what costs nothing has begun.
    status: intent ? "incomplete" : trialEnd === null ? "active" : "trialing",
    default_payment_method: intent === null ? (method?.id ?? null) : null,
    discounts: discounts.map((discount) => discount.id),
  });
  insertExtraItems(tx, subscription, line_items.flatMap(onceInput));
  noteAttempt(tx, session.id, {
    customer: customer.id,
    subscription: id,
    invoice,
    payment_intent: intent?.id ?? null,
  });
  const bill = {
    id: invoice,
    billing_reason: "subscription_create" as const,
    lines: subscription.items.data.map((item) => itemLine(tx, subscription, item)),
  };
  return finalizeInvoice(tx, draftBill(tx, subscription, bill), intent);
}

const itemInput = ({ price, quantity, metadata }: LineItem): ItemInput[] =>
  price?.recurring ? [{ price, quantity: quantity ?? undefined, metadata: metadata ?? {} }] : [];

/** What is bought once is on the first invoice only. */
const onceInput = ({ price, quantity, metadata }: LineItem): ExtraItem[] =>
  price?.recurring ? [] : [{ price: price!, quantity: quantity ?? undefined, metadata: metadata ?? {} }];
