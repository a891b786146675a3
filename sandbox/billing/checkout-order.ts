import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { createCustomer } from "./customers.ts";
import type { IntentInput } from "./intents.ts";
import { draftInvoice, finalizeInvoice } from "./invoices.ts";
import { subscriptionLine } from "./lines.ts";
import { createSubscription } from "./subscriptions.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];

/** Who pays, as far as the page asked. */
export interface Payer {
  email?: string | undefined;
  name?: string | undefined;
}

/** What an attempt to pay a session has made. */
export type Attempt = NonNullable<CheckoutDetails["attempt"]>;

const DAY_SECONDS = 86_400;

/** When a trial that begins now ends; null without one. */
export function trialEndOf({ subscription_data: data }: CheckoutDetails, now: number): number | null {
  if (data.trial_end !== null) return data.trial_end > now ? data.trial_end : null;
  return data.trial_period_days === null ? null : now + data.trial_period_days * DAY_SECONDS;
}

/** The session's customer, that of an earlier attempt, or a new one made from what the page asked. */
export function payingCustomer(
  tx: Transaction,
  session: Session,
  details: CheckoutDetails,
  payer: Payer,
): Kinds["customer"] {
  const known = session.customer ?? details.attempt?.customer;
  if (known) return tx.need("customer", known, "customer");
  return createCustomer(tx, {
    email: session.customer_email ?? payer.email ?? null,
    name: payer.name ?? null,
  });
}

/** What an earlier attempt left, if it can still be paid. */
export function earlierAttempt(tx: Transaction, { attempt }: CheckoutDetails): Attempt | null {
  return attempt && tx.need("subscription", attempt.subscription).status === "incomplete" ? attempt : null;
}

/** The payment of what was ordered. */
export const intentOf = ({ line_items }: CheckoutDetails, customer: string): IntentInput => ({
  amount: line_items.reduce((sum, item) => sum + item.amount_total, 0),
  currency: line_items[0]!.currency,
  customer,
  description: "Subscription creation",
  setup_future_usage: "off_session",
});

/** Makes the subscription and its first invoice, still to be paid unless there is a trial. */
export function openSubscription(
  tx: Transaction,
  details: CheckoutDetails,
  customer: Kinds["customer"],
  intent: Intent | null,
  trial: { end: number; method: string | null } | null = null,
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
    trial_end: trial?.end ?? null,
    missing_payment_method: data.missing_payment_method,
    default_payment_method: trial?.method ?? null,
  });
  const draft = draftInvoice(tx, {
    id: invoiceId,
    customer,
    subscription,
    currency: subscription.currency,
    billing_reason: "subscription_create",
    lines: subscription.items.data.map((item) => subscriptionLine(tx, invoiceId, item, trial !== null)),
  });
  const invoice = finalizeInvoice(tx, draft, intent);
  const attempt = {
    customer: customer.id,
    subscription: subscription.id,
    invoice: invoice.id,
    payment_intent: intent?.id ?? "",
  };
  tx.update("checkout_details", details.id, { attempt });
  return attempt;
}

/** Closes a session that has led to a subscription. */
export function completeSession(
  tx: Transaction,
  session: Session,
  attempt: Attempt,
  payment_status: "paid" | "no_payment_required",
): Session {
  const customer = tx.need("customer", attempt.customer);
  if (!customer.currency)
    tx.update("customer", customer.id, { currency: session.currency }, "customer.updated");
  const completed = tx.update("checkout.session", session.id, {
    status: next("checkout.session", session.status, "complete"),
    payment_status,
    customer: customer.id,
    customer_details: customerDetails(customer.email, customer.name ?? null),
    invoice: attempt.invoice,
    subscription: attempt.subscription,
    url: null,
  });
  tx.emit("checkout.session.completed", completed);
  return completed;
}

/** What a session shows of its customer. */
export function customerDetails(email: string | null, name: string | null): Session["customer_details"] {
  return {
    address: null,
    business_name: null,
    email,
    individual_name: null,
    name,
    phone: null,
    tax_exempt: "none",
    tax_ids: [],
  };
}
