import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest } from "../../errors.ts";
import { recordEvent } from "../../events/record.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { formatMoney } from "../../money.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { cardOf, debitOf } from "../customers/payment-methods.ts";
import { assertPayable } from "./amounts.ts";
import { moveBalance } from "./balance.ts";
import { refundableAmount } from "./charges.ts";
import { isChargedBack } from "./disputes.ts";

type Refund = Kinds["refund"];
type Charge = Kinds["charge"];

interface RefundInput {
  charge: Charge;
  /** In minor units; without it, all that is left. */
  amount?: number | undefined;
  reason?: Refund["reason"] | undefined;
  metadata?: Record<string, string> | undefined;
}

/** How long the banks take over a refund. */
const ARRIVAL_SECONDS = 300;

/**
 * Gives money of a charge back. It is `succeeded` at once, but `pending` for a card (or bank account)
 * whose refunds take time. Throws `charge_already_refunded`, `charge_disputed`, or that it is too much.
 * https://docs.stripe.com/refunds
 */
export function createRefund(tx: Transaction, input: RefundInput): Refund {
  const { charge } = input;
  const rest = refundableAmount(charge);
  const amount = input.amount ?? rest;
  assertRefundable(tx, charge, amount);
  const id = newId("re");
  const { currency } = charge;
  const movement = moveBalance(tx, {
    type: isCard(charge) ? "refund" : "payment_refund",
    reporting_category: "refund",
    amount: -amount,
    currency,
    source: id,
    description: charge.description ? `REFUND FOR CHARGE (${charge.description})` : "REFUND FOR CHARGE",
  });
  const isPending = fate(tx, charge) === "pending_then_succeeded";
  const refund = tx.insert("refund", {
    id,
    object: "refund",
    amount,
    balance_transaction: movement.id,
    charge: charge.id,
    created: tx.now,
    currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: destination(charge),
    metadata: input.metadata ?? {},
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: input.reason ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: isPending ? "pending" : "succeeded",
    transfer_reversal: null,
  });
  tx.emit("refund.created", refund);
  const refunded = tx.update("charge", charge.id, refundedBy(charge, amount));
  tx.emit("charge.refunded", refunded);
  return refund;
}

function assertRefundable(tx: Transaction, charge: Charge, amount: number): void {
  if (!charge.paid || !charge.captured) {
    const subject = charge.payment_intent
      ? `This PaymentIntent (${charge.payment_intent})`
      : `Charge ${charge.id}`;
    throw invalidRequest(`${subject} does not have a successful charge to refund.`);
  }
  if (isChargedBack(tx, charge.id)) {
    const message = `Charge ${charge.id} has been charged back; cannot issue a refund.`;
    throw invalidRequest(message, { code: "charge_disputed" });
  }
  const rest = refundableAmount(charge);
  if (rest === 0) {
    const message = `Charge ${charge.id} has already been refunded.`;
    throw invalidRequest(message, { code: "charge_already_refunded" });
  }
  assertPayable(amount, charge.currency, "amount");
  if (amount <= rest) return;
  const [wanted, left] = [formatMoney(amount, charge.currency), formatMoney(rest, charge.currency)];
  const message = `Refund amount (${wanted}) is greater than unrefunded amount on charge (${left})`;
  throw invalidRequest(message, { param: "amount" });
}

/** The charge's amounts once so much more (or, when it is negative, less) of it is given back. */
function refundedBy({ amount_captured, amount_refunded }: Charge, amount: number): Partial<Charge> {
  const given = amount_refunded + amount;
  return { amount_refunded: given, refunded: given === amount_captured };
}

const isCard = (charge: Charge) => charge.payment_method_details?.type === "card";

/** What becomes of refunds to where this charge came from. */
function fate(tx: Transaction, charge: Charge) {
  const method = tx.get("payment_method", charge.payment_method ?? "");
  if (!method) return undefined;
  return debitOf(method) ? "pending_then_succeeded" : cardOf(method).refund;
}

function destination(charge: Charge): NonNullable<Refund["destination_details"]> {
  if (!isCard(charge)) return { type: charge.payment_method_details?.type ?? "card" };
  return {
    card: { reference_status: "pending", reference_type: "acquirer_reference_number", type: "refund" },
    type: "card",
  };
}

/** When the banks are through with a refund; null when nothing more becomes of it. */
export function arrivesAt({ status, created, destination_details }: Refund): number | null {
  const isUnderWay =
    status === "pending" ||
    (status === "succeeded" && destination_details?.card?.reference_status === "pending");
  return isUnderWay ? created + ARRIVAL_SECONDS : null;
}

/** The end of a refund's way: it is there, with the bank's reference, or it comes back. */
export function arrive(tx: Transaction, refund: Refund): Refund {
  const charge = tx.need("charge", refund.charge ?? "", "charge");
  if (fate(tx, charge) === "succeeded_then_failed") return failRefund(tx, refund);
  return completeRefund(tx, refund);
}

/** The refund has reached its holder. */
export function completeRefund(tx: Transaction, refund: Refund): Refund {
  const { card } = refund.destination_details ?? {};
  const reference = { reference: refund.id.slice(-16).toUpperCase(), reference_status: "available" };
  const arrived = tx.update(
    "refund",
    refund.id,
    {
      status: next("refund", refund.status, "succeeded"),
      ...(card && { destination_details: { card: { ...card, ...reference }, type: "card" } }),
    },
    "refund.updated",
  );
  if (refund.status !== "succeeded") recordEvent(tx, "charge.refund.updated", arrived, refund);
  return arrived;
}

/** The refund has come back: its money is the account's again, and the charge less refunded. */
export function failRefund(tx: Transaction, refund: Refund, reason = "expired_or_canceled_card"): Refund {
  return takeBack(tx, refund, { status: next("refund", refund.status, "failed"), failure_reason: reason });
}

/** Takes back a refund that waits for its holder to act. Others cannot be canceled. */
export function cancelRefund(tx: Transaction, refund: Refund): Refund {
  if (refund.status !== "requires_action") {
    throw invalidRequest(
      `You can only cancel a refund that has a status of requires_action. This refund has a status of ${refund.status}.`,
    );
  }
  return takeBack(tx, refund, { status: next("refund", refund.status, "canceled") });
}

function takeBack(tx: Transaction, refund: Refund, end: Pick<Refund, "status" | "failure_reason">): Refund {
  const charge = tx.need("charge", refund.charge ?? "", "charge");
  const movement = moveBalance(tx, {
    type: isCard(charge) ? "refund_failure" : "payment_failure_refund",
    reporting_category: "refund_failure",
    amount: refund.amount,
    currency: refund.currency,
    source: refund.id,
    description: "REFUND FAILURE",
  });
  tx.update("charge", charge.id, refundedBy(charge, -refund.amount), "charge.updated");
  const changes = { ...end, failure_balance_transaction: movement.id };
  const failed = tx.update("refund", refund.id, changes, "refund.updated");
  if (failed.status === "failed") tx.emit("refund.failed", failed);
  recordEvent(tx, "charge.refund.updated", failed, refund);
  return failed;
}

/** Makes a refund wait for its holder to say where the money may go; only such a refund can be canceled. */
export function askForDetails(tx: Transaction, refund: Refund): Refund {
  const owner = tx.get("customer", refund.customer ?? "");
  const email_sent = { email_sent_at: tx.now, email_sent_to: owner?.email ?? "" };
  const changes: Partial<Refund> = {
    status: next("refund", refund.status, "requires_action"),
    next_action: {
      display_details: { email_sent, expires_at: tx.now + 45 * DAY_SECONDS },
      type: "display_details",
    },
  };
  return tx.update("refund", refund.id, changes, "refund.updated");
}
