import type { Decline } from "../cards.ts";
import { newId, randomText } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { insertCharge } from "./charges.ts";
import { cardOf } from "./payment-methods.ts";

type PaymentIntent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

export interface IntentInput {
  amount: number;
  currency: string;
  customer: string;
  description: string | null;
  setup_future_usage: "off_session" | null;
}

/** A payment still to be made. https://docs.stripe.com/payments/paymentintents/lifecycle */
export function createIntent(tx: Transaction, input: IntentInput): PaymentIntent {
  const id = newId("pi");
  const intent = tx.insert("payment_intent", {
    id,
    object: "payment_intent",
    allowed_payment_method_types: null,
    amount: input.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: "automatic",
    client_secret: `${id}_secret_${randomText(25)}`,
    confirmation_method: "automatic",
    created: tx.now,
    currency: input.currency,
    customer: input.customer,
    customer_account: null,
    description: input.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: {},
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: ["card"],
    payment_record: null,
    processing: null,
    receipt_email: null,
    review: null,
    setup_future_usage: input.setup_future_usage,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: "requires_payment_method",
    transfer_data: null,
    transfer_group: null,
  });
  tx.emit("payment_intent.created", intent);
  return intent;
}

/** Whether the card asks its holder before this payment. */
export function needsAuthentication(method: PaymentMethod): boolean {
  const { authentication } = cardOf(method);
  return authentication === "always" || (authentication === "until_set_up" && method.customer === null);
}

/** Tries to take the money. Look at the status of what comes back. */
export function confirmIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  returnUrl: string | null,
): PaymentIntent {
  if (needsAuthentication(method)) return requireAction(tx, intent, method, returnUrl);
  return chargeIntent(tx, intent, method);
}

function requireAction(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  returnUrl: string | null,
): PaymentIntent {
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "requires_action"),
    payment_method: method.id,
    last_payment_error: null,
    next_action: {
      type: "redirect_to_url",
      redirect_to_url: { url: `${tx.environment.baseUrl}/3ds/${intent.id}`, return_url: returnUrl },
    },
  });
  tx.emit("payment_intent.requires_action", changed);
  return changed;
}

/** Charges without asking any more; a refusal sends the intent back for another method. */
export function chargeIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  authenticated = false,
): PaymentIntent {
  const { declines, declinesCharges } = cardOf(method);
  const decline = declines ?? declinesCharges ?? null;
  const charge = insertCharge(tx, { intent, method, decline, authenticated });
  tx.emit(decline ? "charge.failed" : "charge.succeeded", charge);
  if (decline) return failIntent(tx, intent, method, decline, charge.id);
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "succeeded"),
    amount_received: intent.amount,
    latest_charge: charge.id,
    last_payment_error: null,
    next_action: null,
    payment_method: method.id,
  });
  tx.emit("payment_intent.succeeded", changed);
  return changed;
}

const AUTHENTICATION_FAILURE = {
  code: "payment_intent_authentication_failure",
  message:
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

/** The holder's answer to 3-D Secure. */
export function authenticateIntent(
  tx: Transaction,
  intent: PaymentIntent,
  outcome: "succeed" | "fail",
): PaymentIntent {
  const method = tx.need("payment_method", intent.payment_method ?? "", "payment_method");
  if (outcome === "succeed") return chargeIntent(tx, intent, method, true);
  return failIntent(tx, intent, method, AUTHENTICATION_FAILURE);
}

function failIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  cause: Pick<Decline, "code" | "message"> & Partial<Decline>,
  charge?: string,
): PaymentIntent {
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "requires_payment_method"),
    ...(charge && { latest_charge: charge }),
    next_action: null,
    payment_method: null,
    last_payment_error: {
      type: cause.decline_code ? "card_error" : "invalid_request_error",
      ...cause,
      code: cause.code as NonNullable<NonNullable<PaymentIntent["last_payment_error"]>["code"]>,
      doc_url: `https://stripe.com/docs/error-codes/${cause.code.replaceAll("_", "-")}`,
      payment_method: method,
      ...(charge && { charge }),
    },
  });
  tx.emit("payment_intent.payment_failed", changed);
  return changed;
}

/** Gives a payment up. */
export function cancelIntent(
  tx: Transaction,
  intent: PaymentIntent,
  reason: "void_invoice" | "expired",
): void {
  if (intent.status === "succeeded" || intent.status === "canceled") return;
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "canceled"),
    canceled_at: tx.now,
    cancellation_reason: reason,
    next_action: null,
  });
  tx.emit("payment_intent.canceled", changed);
}
