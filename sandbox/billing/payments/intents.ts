import { DEBIT_CURRENCIES } from "../../bank-debits.ts";
import { DECLINES } from "../../cards.ts";
import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { next, UNCONFIRMED } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { cardOf } from "../customers/payment-methods.ts";
import { assertChargeable } from "./amounts.ts";
import { refuseCharge, releaseCharge } from "./charges.ts";
import { chargeIntent, declineIntent, failIntent } from "./charging.ts";
import { challenge, firstStatus, newIntentRow } from "./intent-rows.ts";

type PaymentIntent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

/** What is to be paid; everything besides may be left out. */
type IntentInput = Pick<PaymentIntent, "amount" | "currency"> &
  Partial<
    Pick<
      PaymentIntent,
      | "allowed_payment_method_types"
      | "automatic_payment_methods"
      | "capture_method"
      | "customer"
      | "description"
      | "excluded_payment_method_types"
      | "metadata"
      | "payment_method"
      | "payment_method_types"
      | "receipt_email"
      | "setup_future_usage"
      | "shipping"
      | "statement_descriptor"
      | "statement_descriptor_suffix"
      | "transfer_group"
    >
  >;

/** A payment still to be made; refuses an amount that cannot be charged. https://docs.stripe.com/payments/paymentintents/lifecycle */
export function createIntent(tx: Transaction, input: IntentInput): PaymentIntent {
  assertChargeable(input.amount, input.currency);
  const id = newId("pi");
  const intent = tx.insert("payment_intent", {
    ...newIntentRow(tx, id),
    id,
    object: "payment_intent",
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application_fee_amount: null,
    canceled_at: null,
    capture_method: "automatic",
    confirmation_method: "automatic",
    last_payment_error: null,
    latest_charge: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: methodTypes(input.currency),
    payment_record: null,
    processing: null,
    receipt_email: null,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    transfer_data: null,
    transfer_group: null,
    ...input,
    status: firstStatus(input.payment_method),
  });
  tx.emit("payment_intent.created", intent);
  return intent;
}

/** How a currency can be paid, as far as an intent allows. */
export function methodTypes(
  currency: string,
  allowed: readonly string[] | null = null,
  excluded: readonly string[] | null = null,
): string[] {
  const debits = Object.entries(DEBIT_CURRENCIES).filter(([, of]) => of === currency);
  return ["card", ...debits.map(([type]) => type)].filter(
    (type) => (allowed === null || allowed.includes(type)) && !excluded?.includes(type),
  );
}

/**
 * Whether the card asks its holder before this payment. `offSession`: the holder is not there, so a
 * card that was set up for such payments does not ask.
 */
export function needsAuthentication(tx: Transaction, method: PaymentMethod, offSession = false): boolean {
  const { authentication } = cardOf(method);
  if (authentication === "until_set_up") return !offSession || !isSetUp(tx, method);
  return authentication === "always" || (authentication === "on_session" && !offSession);
}

/** Whether its holder has agreed to payments without them: by a setup intent, or by a payment that said so. */
function isSetUp(tx: Transaction, { id }: PaymentMethod): boolean {
  for (const setup of tx.newest("setup_intent", { index: "payment_method", key: id }))
    if (setup.status === "succeeded" && setup.usage === "off_session") return true;
  for (const intent of tx.newest("payment_intent", { index: "payment_method", key: id }))
    if (intent.status === "succeeded" && intent.setup_future_usage === "off_session") return true;
  return false;
}

interface ConfirmOptions {
  /** Where the holder returns to after 3-D Secure. */
  returnUrl?: string | null;
  /**
   * The holder is not there. A card that wants to ask them is declined with `authentication_required`,
   * unless it was set up for such payments, or they can be asked later.
   */
  offSession?: boolean;
  /** With offSession: the intent waits in `requires_action`, as those of renewals do, instead of a decline. */
  canAskLater?: boolean;
}

/**
 * Tries to take the money. Look at the status of what comes back; a refusal is not thrown, but in
 * `last_payment_error`. Whoever calls this draws the consequences for what the intent pays.
 */
export function confirmIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  options: ConfirmOptions = {},
): PaymentIntent {
  const { offSession = false, canAskLater = false, returnUrl = null } = options;
  assertConfirmable(intent);
  if (!needsAuthentication(tx, method, offSession)) return chargeIntent(tx, intent, method);
  if (offSession && !canAskLater) return declineIntent(tx, intent, method, DECLINES.authenticationRequired);
  return requireAction(tx, intent, method, returnUrl);
}

/** Throws `payment_intent_unexpected_state` unless the intent still wants to be confirmed: nothing is paid twice. */
export function assertConfirmable({ status }: PaymentIntent): void {
  if (UNCONFIRMED.includes(status)) return;
  const why =
    status === "succeeded"
      ? "it has already succeeded after being previously confirmed"
      : `it has a status of ${status}`;
  throw invalidRequest(`You cannot confirm this PaymentIntent because ${why}.`, {
    code: "payment_intent_unexpected_state",
  });
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
    next_action: challenge(tx, intent.id, returnUrl),
  });
  tx.emit("payment_intent.requires_action", changed);
  return changed;
}

const AUTHENTICATION_FAILURE = {
  code: "payment_intent_authentication_failure",
  message:
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
};

/** The holder's answer to 3-D Secure. Throws when the intent does not wait for one. */
export function authenticateIntent(
  tx: Transaction,
  intent: PaymentIntent,
  outcome: "succeed" | "fail",
): PaymentIntent {
  if (intent.status !== "requires_action") {
    const message = `This PaymentIntent's status is ${intent.status}: it does not wait for authentication.`;
    throw invalidRequest(message, { code: "payment_intent_unexpected_state" });
  }
  const method = tx.need("payment_method", intent.payment_method ?? "", "payment_method");
  if (outcome === "succeed") return chargeIntent(tx, intent, method, true);
  return failIntent(tx, intent, method, AUTHENTICATION_FAILURE);
}

/** Why a charge that was under way came to nothing. */
const CANCELED = {
  code: "payment_intent_payment_attempt_failed",
  message: "The payment was canceled.",
};

/** Gives a payment up; one that is over stays as it is. */
export function cancelIntent(
  tx: Transaction,
  intent: PaymentIntent,
  reason: PaymentIntent["cancellation_reason"],
): PaymentIntent {
  if (intent.status === "succeeded" || intent.status === "canceled") return intent;
  const charge = tx.get("charge", intent.latest_charge ?? "");
  if (charge && intent.status === "requires_capture") releaseCharge(tx, charge);
  if (charge && intent.status === "processing") refuseCharge(tx, charge, CANCELED);
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "canceled"),
    amount_capturable: 0,
    canceled_at: tx.now,
    cancellation_reason: reason,
    next_action: null,
    processing: null,
  });
  tx.emit("payment_intent.canceled", changed);
  return changed;
}
