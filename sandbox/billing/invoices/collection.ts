import { DEBIT_CURRENCIES } from "../../bank-debits.ts";
import { ApiError, invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { followCheckout } from "../checkout/outcome.ts";
import { debitOf, declined } from "../customers/payment-methods.ts";
import { confirmIntent } from "../payments/intents.ts";
import { subscriptionInvoiceUnderWay } from "../subscriptions/payments.ts";
import {
  failInvoicePayment,
  finalizeInvoice,
  type PaymentManner,
  requireInvoiceAction,
  settleInvoice,
  subscriptionOf,
} from "./invoices.ts";
import { closePayment, payable } from "./payments.ts";

type Invoice = Kinds["invoice"];
type Intent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

/** How an invoice is to be paid. */
export interface Collection extends PaymentManner {
  /** Instead of the default method of the invoice, its subscription or its customer. */
  method?: PaymentMethod | undefined;
  /** Whether the holder is not there, as by default. */
  offSession?: boolean | undefined;
}

/** What became of an attempt. */
interface Collected {
  invoice: Invoice;
  /** The payment; null when nothing was due, or when there was no method to pay with. */
  intent: Intent | null;
  method: PaymentMethod | null;
}

/**
 * Collects an invoice through its payment intent, finalizing a draft first. A decline is not thrown:
 * look at the invoice's status, or ask `refusalOf`. Its consequences are drawn by `followIntent`.
 */
export function payInvoice(tx: Transaction, invoice: Invoice, options: Collection = {}): Collected {
  const open = invoice.status === "draft" ? finalizeInvoice(tx, invoice) : invoice;
  if (open.status === "paid" || open.status === "draft") return { invoice: open, intent: null, method: null };
  const method = options.method ?? methodFor(tx, open);
  if (!method) return { invoice: failInvoicePayment(tx, open, options), intent: null, method: null };
  const { offSession = true } = options;
  const known = payable(tx, open);
  // A bank debit is under way: another payment would take the money twice.
  if (known.status === "processing") return { invoice: open, intent: known, method };
  const intent = confirmIntent(tx, known, method, { offSession, canAskLater: true });
  followIntent(tx, intent, options);
  if (intent.status === "processing")
    tx.update("invoice", open.id, { attempted: true, next_payment_attempt: null });
  return { invoice: tx.need("invoice", open.id), intent, method };
}

/** The method an invoice is paid with when none is named; null also for one that does not pay in its currency. */
export function methodFor(tx: Transaction, invoice: Invoice): PaymentMethod | null {
  const customer = tx.get("customer", invoice.customer ?? "");
  const id =
    invoice.default_payment_method ??
    subscriptionOf(tx, invoice)?.default_payment_method ??
    customer?.invoice_settings.default_payment_method;
  const method = id ? tx.get("payment_method", id) : undefined;
  const debit = method && debitOf(method);
  return method && (!debit || DEBIT_CURRENCIES[debit.type] === invoice.currency) ? method : null;
}

/**
 * Draws the consequences of what became of a payment intent: for the invoice that it pays, and so for
 * its subscription, and for the Checkout session that it completes. Everything that confirms,
 * authenticates, captures or cancels an intent ends here; one that pays nothing leads to nothing.
 */
export function followIntent(tx: Transaction, intent: Intent, manner: PaymentManner = {}): void {
  followInvoice(tx, intent, manner);
  followCheckout(tx, intent);
}

function followInvoice(tx: Transaction, intent: Intent, manner: PaymentManner): void {
  const payment = tx.find("invoice_payment", "payment_intent", intent.id);
  if (payment?.status !== "open") return;
  if (intent.status === "canceled") return void closePayment(tx, payment);
  const invoice = tx.get("invoice", payment.invoice);
  if (!invoice || (invoice.status !== "open" && invoice.status !== "uncollectible")) return;
  const isPaid = intent.status === "succeeded" && intent.amount_received >= invoice.amount_remaining;
  if (isPaid) settleInvoice(tx, invoice, manner);
  else if (intent.status === "processing") beginsWhileUnderWay(tx, invoice);
  else if (intent.status === "requires_action") requireInvoiceAction(tx, invoice, manner);
  else if (intent.status === "requires_payment_method")
    failInvoicePayment(tx, invoice, { automatic: isDecidedLate(tx, intent), ...manner });
}

/** A first payment that a bank has under way starts the subscription. */
function beginsWhileUnderWay(tx: Transaction, invoice: Invoice): void {
  const subscription = subscriptionOf(tx, invoice);
  if (subscription) subscriptionInvoiceUnderWay(tx, subscription, invoice);
}

/** Whether the payment was a bank debit: its refusal comes after the attempt, which is counted only now. */
function isDecidedLate(tx: Transaction, { latest_charge }: Intent): boolean {
  const details = tx.get("charge", latest_charge ?? "")?.payment_method_details;
  return details != null && debitOf(details) !== undefined;
}

/** Stripe's refusal of an attempt that did not pay, with its traces kept; undefined when it did. */
export function refusalOf({ invoice, intent, method }: Collected): ApiError | undefined {
  if (invoice.status === "paid" || intent?.status === "processing") return undefined;
  if (invoice.status === "draft") return finalizationRefusal(invoice);
  if (!intent || !method) {
    return invalidRequest(
      "Cannot charge a customer that has no default payment method. Set one on the invoice, the subscription or the customer.",
      { code: "resource_missing" },
    );
  }
  if (intent.status === "requires_action") {
    const message =
      "Payment for this invoice requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice.";
    return new ApiError(
      402,
      {
        type: "card_error",
        code: "invoice_payment_intent_requires_action",
        message,
        payment_intent: intent,
        payment_method: method,
      },
      { keepsEffects: true },
    );
  }
  return intentRefusal(intent, method);
}

/** Why a draft could not be finalized; the draft keeps saying so. */
export function finalizationRefusal({ last_finalization_error: error }: Invoice): ApiError {
  return new ApiError(400, error as ApiError["body"], { keepsEffects: true });
}

/** The error of a payment that was refused. */
export function intentRefusal(intent: Intent, method: PaymentMethod): ApiError {
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

/** A draft's time has come: it is finalized, then charged or sent. */
export function advanceDraft(tx: Transaction, draft: Invoice): void {
  const invoice = finalizeInvoice(tx, draft);
  if (invoice.status !== "open") return;
  if (invoice.collection_method === "send_invoice") tx.emit("invoice.sent", invoice);
  else payInvoice(tx, invoice, { automatic: true });
}

/** The customer's own payment method of an id; refuses another's. */
export function ownMethod(tx: Transaction, customer: string, id: string, param: string): PaymentMethod {
  const method = tx.need("payment_method", id, param);
  if (method.customer === customer) return method;
  throw invalidRequest(
    `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
    { param },
  );
}
