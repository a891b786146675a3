import { ApiError, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { createCustomer } from "./customers.ts";
import { authenticateIntent, confirmIntent, createIntent, needsAuthentication } from "./intents.ts";
import {
  draftInvoice,
  failInvoicePayment,
  finalizeInvoice,
  requireInvoiceAction,
  settleInvoice,
} from "./invoices.ts";
import { subscriptionLine } from "./lines.ts";
import { attach, cardOf, declined } from "./payment-methods.ts";
import { activate, createSubscription, expireIncomplete } from "./subscriptions.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

const DAY_SECONDS = 86_400;

/** Who pays, as far as the page asked. */
export interface Payer {
  email?: string | undefined;
  name?: string | undefined;
}

/** What an attempt to pay led to. A decline is thrown, after its traces are kept. */
export interface Attempted {
  session: Session;
  /** Set when the card's holder must be asked first. */
  authenticate: Intent | null;
}

/**
 * Pays an open session, as its page does. The first attempt makes the subscription, the invoice and
 * the payment intent; later ones go on with these.
 * Throws 402 `card_error` when the card is refused; the session stays open.
 */
export function paySession(
  tx: Transaction,
  session: Session,
  method: PaymentMethod | null,
  payer: Payer = {},
): Attempted {
  assertOpen(session);
  const details = tx.need("checkout_details", session.id);
  const customer = payingCustomer(tx, session, details, payer);
  const trialEnd = trialEndOf(details, tx.now);
  if (trialEnd !== null)
    return { session: startTrial(tx, session, details, customer, method, trialEnd), authenticate: null };
  if (!method)
    throw invalidRequest("A payment method is required to pay this session.", {
      param: "payment_method",
      code: "parameter_missing",
    });
  const earlier = earlierAttempt(tx, details);
  const willPay = !needsAuthentication(method) && !cardOf(method).declines && !cardOf(method).declinesCharges;
  if (willPay) attach(tx, method, customer.id);
  const intent = confirmIntent(
    tx,
    earlier
      ? tx.need("payment_intent", earlier.payment_intent)
      : createIntent(tx, intentOf(session, customer.id)),
    tx.need("payment_method", method.id),
    null,
  );
  const attempt = earlier ?? openSubscription(tx, details, customer, intent);
  return settle(tx, session, attempt, intent, method);
}

/** The holder's answer to the 3-D Secure question of a session's payment. */
export function authenticateSession(tx: Transaction, intent: Intent, outcome: "succeed" | "fail"): Attempted {
  if (intent.status !== "requires_action") {
    throw invalidRequest(
      `This PaymentIntent's status is ${intent.status}: it does not wait for authentication.`,
      { code: "payment_intent_unexpected_state" },
    );
  }
  const details = tx.find("checkout_details", "payment_intent", intent.id);
  const method = tx.need("payment_method", intent.payment_method ?? "", "payment_method");
  const after = authenticateIntent(tx, intent, outcome);
  if (!details?.attempt) throw invalidRequest("This PaymentIntent does not belong to a Checkout session.");
  return settle(tx, tx.need("checkout.session", details.id), details.attempt, after, method);
}

/** Closes an open session that was not paid, and whatever an attempt left behind. */
export function expireSession(tx: Transaction, session: Session): Session {
  const { attempt } = tx.need("checkout_details", session.id);
  const subscription = attempt ? tx.get("subscription", attempt.subscription) : undefined;
  if (subscription?.status === "incomplete") expireIncomplete(tx, subscription);
  const expired = tx.update("checkout.session", session.id, {
    status: next("checkout.session", session.status, "expired"),
    url: null,
  });
  tx.emit("checkout.session.expired", expired);
  return expired;
}

function assertOpen(session: Session): void {
  if (session.status === "open") return;
  const why = session.status === "complete" ? "has already been completed" : "has expired";
  throw invalidRequest(`This Checkout Session ${why}.`);
}

function trialEndOf({ subscription_data: data }: CheckoutDetails, now: number): number | null {
  if (data.trial_end !== null) return data.trial_end > now ? data.trial_end : null;
  return data.trial_period_days === null ? null : now + data.trial_period_days * DAY_SECONDS;
}

/** The session's customer, that of an earlier attempt, or a new one made from what the page asked. */
function payingCustomer(
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
function earlierAttempt(tx: Transaction, { attempt }: CheckoutDetails): CheckoutDetails["attempt"] {
  return attempt && tx.need("subscription", attempt.subscription).status === "incomplete" ? attempt : null;
}

const intentOf = (session: Session, customer: string) => ({
  amount: session.amount_total ?? 0,
  currency: session.currency ?? "usd",
  customer,
  description: "Subscription creation",
  setup_future_usage: "off_session" as const,
});

function openSubscription(
  tx: Transaction,
  details: CheckoutDetails,
  customer: Kinds["customer"],
  intent: Intent | null,
  trial: { end: number; method: string | null } | null = null,
): NonNullable<CheckoutDetails["attempt"]> {
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
  const draft = draftInvoice(tx, invoiceId, {
    customer,
    subscription,
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

/** Draws the consequences of what became of the payment. */
function settle(
  tx: Transaction,
  session: Session,
  attempt: NonNullable<CheckoutDetails["attempt"]>,
  intent: Intent,
  method: PaymentMethod,
): Attempted {
  const invoice = tx.need("invoice", attempt.invoice);
  if (intent.status === "requires_action") {
    requireInvoiceAction(tx, invoice);
    return { session, authenticate: intent };
  }
  if (intent.status !== "succeeded") {
    failInvoicePayment(tx, invoice);
    throw refusal(intent, method);
  }
  attach(tx, tx.need("payment_method", method.id), attempt.customer);
  settleInvoice(tx, invoice);
  activate(tx, tx.need("subscription", attempt.subscription), method.id);
  return { session: complete(tx, session, attempt, "paid"), authenticate: null };
}

function refusal(intent: Intent, method: PaymentMethod): ApiError {
  const {
    code = "card_declined",
    decline_code,
    message = "Your card was declined.",
    charge,
  } = intent.last_payment_error ?? {};
  const extra = {
    payment_intent: intent,
    payment_method: method,
    ...(typeof charge === "string" && { charge }),
  };
  if (decline_code) return declined({ code, decline_code, message }, extra);
  return new ApiError(402, { type: "card_error", code, message, ...extra }, { keepsEffects: true });
}

function startTrial(
  tx: Transaction,
  session: Session,
  details: CheckoutDetails,
  customer: Kinds["customer"],
  method: PaymentMethod | null,
  end: number,
): Session {
  if (!method && session.payment_method_collection !== "if_required") {
    throw invalidRequest("A payment method is required to start this trial.", {
      param: "payment_method",
      code: "parameter_missing",
    });
  }
  if (method) attach(tx, method, customer.id);
  const attempt = openSubscription(tx, details, customer, null, { end, method: method?.id ?? null });
  settleInvoice(tx, tx.need("invoice", attempt.invoice));
  return complete(tx, session, attempt, "no_payment_required");
}

function complete(
  tx: Transaction,
  session: Session,
  attempt: NonNullable<CheckoutDetails["attempt"]>,
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
