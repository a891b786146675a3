import type { Decline } from "../../cards.ts";
import { DAY_SECONDS } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { moveBalance, processingFee } from "./balance.ts";
import { chargeDetails } from "./charge-details.ts";

type Charge = Kinds["charge"];

/** What came of asking for the money: it is here, it is reserved, it is under way, or it was refused. */
type ChargeOutcome = "captured" | "authorized" | "pending" | Decline;

interface ChargeInput {
  intent: Kinds["payment_intent"];
  method: Kinds["payment_method"];
  outcome: ChargeOutcome;
  authenticated: boolean;
}

/** How long a card's money stays reserved. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method */
const AUTHORIZED_SECONDS = 7 * DAY_SECONDS;

/** The record of money taken, reserved, under way or refused. Tells nobody yet. */
export function insertCharge(
  tx: Transaction,
  { intent, method, outcome, authenticated }: ChargeInput,
): Charge {
  const decline = typeof outcome === "object" ? outcome : null;
  const paid = outcome === "captured" || outcome === "authorized";
  const captured = outcome === "captured" || outcome === "pending";
  const captureBefore = outcome === "authorized" ? tx.now + AUTHORIZED_SECONDS : null;
  const charge = tx.insert("charge", {
    id: newId("ch"),
    object: "charge",
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { ...method.billing_details },
    calculated_statement_descriptor: intent.statement_descriptor ?? "SANDBOX",
    captured,
    created: tx.now,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: outcomeOf(decline),
    paid,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: chargeDetails({ amount: intent.amount, method, authenticated, captureBefore }),
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: intent.shipping,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: intent.statement_descriptor_suffix,
    status: paid ? "succeeded" : decline ? "failed" : "pending",
    transfer_data: null,
    transfer_group: intent.transfer_group,
  });
  return paid ? tx.update("charge", charge.id, received(tx, charge, captured ? charge.amount : 0)) : charge;
}

/** What changes in a charge when `amount` of its money arrives (none yet, when it is only reserved). */
function received(tx: Transaction, charge: Charge, amount: number): Partial<Charge> {
  const receipt_url = `${tx.environment.baseUrl}/receipts/${charge.id}`;
  if (amount === 0) return { receipt_url };
  const { currency, description } = charge;
  const movement = moveBalance(tx, {
    type: charge.payment_method_details?.type === "card" ? "charge" : "payment",
    reporting_category: "charge",
    amount,
    currency,
    source: charge.id,
    description,
    fee: processingFee(amount),
  });
  return { receipt_url, balance_transaction: movement.id };
}

/** Takes `amount` of the money that was reserved; the rest is released. */
export function captureCharge(tx: Transaction, charge: Charge, amount: number): Charge {
  const changes = { ...received(tx, charge, amount), captured: true, amount_captured: amount };
  const captured = tx.update("charge", charge.id, changes);
  tx.emit("charge.captured", captured);
  return captured;
}

/** Until when a charge's money is reserved; null when it is not. */
export function reservedUntil({ captured, status, payment_method_details }: Charge): number | null {
  return captured || status !== "succeeded" ? null : (payment_method_details?.card?.capture_before ?? null);
}

/** Ends a reservation: nothing of it can be captured any more. */
export function releaseCharge(tx: Transaction, charge: Charge): Charge {
  const details = charge.payment_method_details;
  if (!details?.card) return charge;
  const { capture_before: _, ...card } = details.card;
  return tx.update("charge", charge.id, { payment_method_details: { ...details, card } });
}

/** The bank has paid a charge that was under way. */
export function settleCharge(tx: Transaction, charge: Charge): Charge {
  const changes = { ...received(tx, charge, charge.amount), paid: true, status: "succeeded" as const };
  const settled = tx.update("charge", charge.id, changes);
  tx.emit("charge.succeeded", settled);
  return settled;
}

/** The bank has refused a charge that was under way. */
export function refuseCharge(
  tx: Transaction,
  charge: Charge,
  cause: Pick<Decline, "code" | "message">,
): Charge {
  const failed = tx.update("charge", charge.id, {
    amount_captured: 0,
    captured: false,
    failure_code: cause.code,
    failure_message: cause.message,
    status: "failed",
  });
  tx.emit("charge.failed", failed);
  return failed;
}

/** How much of a charge can still be given back. */
export function refundableAmount({ amount_captured, amount_refunded, paid }: Charge): number {
  return paid ? amount_captured - amount_refunded : 0;
}

function outcomeOf(decline: Decline | null): Charge["outcome"] {
  return {
    advice_code: decline ? "try_again_later" : null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: decline ? "declined_by_network" : "approved_by_network",
    reason: decline?.decline_code ?? null,
    risk_level: "normal",
    risk_score: 20,
    seller_message: decline
      ? "The bank did not return any further details with this decline."
      : "Payment complete.",
    type: decline ? (decline.decline_code === "fraudulent" ? "blocked" : "issuer_declined") : "authorized",
  };
}
