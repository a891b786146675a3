import { DEBIT_CURRENCIES } from "../../bank-debits.ts";
import { DECLINES, type Decline } from "../../cards.ts";
import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { attach, cardOf, debitOf } from "../customers/payment-methods.ts";
import { insertCharge, refuseCharge, settleCharge } from "./charges.ts";
import { openCardsDispute } from "./disputes.ts";

type PaymentIntent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];
type Charge = Kinds["charge"];

/** A card is good until the end of the month it names, in the sandbox's own time: test clocks do not age it. */
function hasExpired(tx: Transaction, { card }: PaymentMethod): boolean {
  return card ? Date.UTC(card.exp_year, card.exp_month) <= tx.ownNow * 1000 : false;
}

/** Why a method would be refused if it were charged now; null when it would not. */
export function declineOf(tx: Transaction, method: PaymentMethod): Decline | null {
  const { declines, declinesCharges } = cardOf(method);
  return declines ?? declinesCharges ?? (hasExpired(tx, method) ? DECLINES.expired : null);
}

/**
 * Charges without asking any more. Look at the status of what comes back: `succeeded`,
 * `requires_capture`, `processing` for a bank debit, or `requires_payment_method` after a refusal.
 */
export function chargeIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  authenticated = false,
): PaymentIntent {
  const decline = declineOf(tx, method);
  if (decline) return declineIntent(tx, intent, method, decline);
  if (debitOf(method)) return startDebit(tx, intent, method);
  const outcome = intent.capture_method === "manual" ? "authorized" : "captured";
  const charge = insertCharge(tx, { intent, method, outcome, authenticated });
  tx.emit("charge.succeeded", charge);
  return outcome === "authorized" ? reserve(tx, intent, charge) : succeed(tx, intent, charge);
}

/** What every intent that a method has served has in common. */
const served = (charge: Charge): Partial<PaymentIntent> => ({
  latest_charge: charge.id,
  last_payment_error: null,
  next_action: null,
  payment_method: charge.payment_method,
  processing: null,
});

function succeed(tx: Transaction, intent: PaymentIntent, charge: Charge): PaymentIntent {
  const changed = tx.update("payment_intent", intent.id, {
    ...served(charge),
    status: next("payment_intent", intent.status, "succeeded"),
    amount_received: charge.amount_captured,
  });
  tx.emit("payment_intent.succeeded", changed);
  keepMethod(tx, changed);
  openCardsDispute(tx, charge);
  return changed;
}

function reserve(tx: Transaction, intent: PaymentIntent, charge: Charge): PaymentIntent {
  const changed = tx.update("payment_intent", intent.id, {
    ...served(charge),
    status: next("payment_intent", intent.status, "requires_capture"),
    amount_capturable: charge.amount,
  });
  tx.emit("payment_intent.amount_capturable_updated", changed);
  keepMethod(tx, changed);
  return changed;
}

/** `setup_future_usage` makes the method the customer's. */
function keepMethod(tx: Transaction, intent: PaymentIntent): void {
  const { customer, payment_method, setup_future_usage } = intent;
  if (setup_future_usage && customer && payment_method)
    attach(tx, tx.need("payment_method", payment_method, "payment_method"), customer);
}

function startDebit(tx: Transaction, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  const currency = DEBIT_CURRENCIES[debitOf(method)!.type];
  if (intent.currency !== currency)
    throw invalidRequest(`A ${method.type} payment must be in ${currency}, not ${intent.currency}.`, {
      code: "payment_method_currency_mismatch",
      param: "payment_method",
    });
  const charge = insertCharge(tx, { intent, method, outcome: "pending", authenticated: false });
  const changed = tx.update("payment_intent", intent.id, {
    ...served(charge),
    status: next("payment_intent", intent.status, "processing"),
  });
  tx.emit("payment_intent.processing", changed);
  tx.emit("charge.pending", charge);
  keepMethod(tx, changed);
  return changed;
}

/** What the bank says to a charge that is under way. The caller draws the consequences for whom it pays. */
export function decideDebit(tx: Transaction, charge: Charge, outcome: "succeed" | "fail"): PaymentIntent {
  const intent = tx.need("payment_intent", charge.payment_intent ?? "", "payment_intent");
  const method = tx.need("payment_method", charge.payment_method ?? "", "payment_method");
  if (outcome === "succeed") return succeed(tx, intent, settleCharge(tx, charge));
  const planned = debitOf(method)?.outcome;
  const cause =
    typeof planned === "object"
      ? planned
      : { code: "payment_intent_payment_attempt_failed", message: "The payment failed." };
  refuseCharge(tx, charge, cause);
  return failIntent(tx, intent, method, cause, charge.id);
}

/** Records a refused charge and sends the intent back for another method. */
export function declineIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  decline: Decline,
): PaymentIntent {
  const charge = insertCharge(tx, { intent, method, outcome: decline, authenticated: false });
  tx.emit("charge.failed", charge);
  return failIntent(tx, intent, method, decline, charge.id);
}

type Cause = Pick<Decline, "code" | "message"> & Partial<Decline>;

/** Sends the intent back for another method, saying why. */
export function failIntent(
  tx: Transaction,
  intent: PaymentIntent,
  method: PaymentMethod,
  cause: Cause,
  charge?: string,
): PaymentIntent {
  const changed = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "requires_payment_method"),
    ...(charge && { latest_charge: charge }),
    next_action: null,
    payment_method: null,
    processing: null,
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
