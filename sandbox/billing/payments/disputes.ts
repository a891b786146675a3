import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal, next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { cardOf, debitOf } from "../customers/payment-methods.ts";
import { moveBalance } from "./balance.ts";
import { refundableAmount } from "./charges.ts";
import { NO_EVIDENCE } from "./evidence.ts";

type Dispute = Kinds["dispute"];
type Charge = Kinds["charge"];
type BalanceTransaction = Kinds["balance_transaction"];

/** What Stripe takes for a dispute, in minor units. */
const DISPUTE_FEE = 1500;
const DAYS_TO_ANSWER = 9;

/** The networks' own codes (Visa's) for the reasons that the test cards know. */
const NETWORK_CODES: Record<string, string> = { fraudulent: "10.4", product_not_received: "13.1" };

interface DisputeInput {
  reason: string;
  /** The bank only asks for now: no money is withdrawn. */
  isInquiry?: boolean;
}

/**
 * The holder's bank takes the money of a charge back, or asks about it. Throws when there is nothing
 * left to dispute. https://docs.stripe.com/disputes/how-disputes-work
 */
export function openDispute(tx: Transaction, charge: Charge, input: DisputeInput): Dispute {
  const { reason, isInquiry = false } = input;
  const amount = refundableAmount(charge);
  if (amount === 0 || isContested(tx, charge.id))
    throw invalidRequest(`Charge ${charge.id} has nothing left that could be disputed.`);
  const id = newId("du");
  const withdrawal = isInquiry
    ? []
    : [withdraw(tx, { id, charge: charge.id, amount, currency: charge.currency })];
  const card = charge.payment_method_details?.card;
  const dispute = tx.insert("dispute", {
    id,
    object: "dispute",
    amount,
    balance_transactions: withdrawal,
    charge: charge.id,
    created: tx.now,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: NO_EVIDENCE,
    evidence_details: {
      due_by: deadline(tx),
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: "not_submitted",
    },
    intended_submission_method: null,
    is_charge_refundable: isInquiry,
    livemode: false,
    metadata: {},
    network_reason_code: NETWORK_CODES[reason] ?? null,
    payment_intent: charge.payment_intent,
    ...(card && {
      payment_method_details: {
        card: {
          brand: card.brand ?? "visa",
          case_type: isInquiry ? "inquiry" : "chargeback",
          network: card.network ?? "visa",
          network_reason_code: NETWORK_CODES[reason] ?? null,
        },
        type: "card",
      },
    }),
    reason,
    status: isInquiry ? "warning_needs_response" : "needs_response",
  });
  tx.update("charge", charge.id, { disputed: true });
  tx.emit("charge.dispute.created", dispute);
  if (!isInquiry) tx.emit("charge.dispute.funds_withdrawn", dispute);
  return dispute;
}

/** The end of the last day on which a dispute that begins now can be answered. */
function deadline(tx: Transaction): number {
  const last = tx.now + DAYS_TO_ANSWER * DAY_SECONDS;
  return last - (last % DAY_SECONDS) + DAY_SECONDS - 1;
}

/** The dispute that a test card (or bank account) brings with every charge. */
export function openCardsDispute(tx: Transaction, charge: Charge): void {
  const method = tx.get("payment_method", charge.payment_method ?? "");
  if (!method) return;
  const { dispute } = cardOf(method);
  if (dispute === "inquiry") openDispute(tx, charge, { reason: "general", isInquiry: true });
  else if (dispute) openDispute(tx, charge, { reason: dispute });
  else if (debitOf(method)?.outcome === "disputed")
    openDispute(tx, charge, { reason: "debit_not_authorized" });
}

/** Whether a charge's money is with the bank of its holder: a dispute that is more than an inquiry, and not won. */
export function isChargedBack(tx: Transaction, charge: string): boolean {
  for (const { status } of tx.newest("dispute", { index: "charge", key: charge }))
    if (status === "needs_response" || status === "under_review" || status === "lost") return true;
  return false;
}

/** Whether a charge is disputed, or asked about, already: its money is withdrawn once. */
function isContested(tx: Transaction, charge: string): boolean {
  for (const { status } of tx.newest("dispute", { index: "charge", key: charge }))
    if (status === "lost" || !isFinal("dispute", status)) return true;
  return false;
}

function withdraw(
  tx: Transaction,
  { id, charge, amount, currency }: Pick<Dispute, "id" | "charge" | "amount" | "currency">,
): BalanceTransaction {
  return moveBalance(tx, {
    type: "adjustment",
    reporting_category: "dispute",
    amount: -amount,
    currency,
    source: id,
    description: `Chargeback withdrawal for ${charge}`,
    fee: { amount: DISPUTE_FEE, description: "Dispute fee" },
  });
}

/** Turns an inquiry into a dispute proper: what has not been refunded by now is withdrawn. */
export function escalate(tx: Transaction, inquiry: Dispute): Dispute {
  const left = Math.min(inquiry.amount, refundableAmount(tx.need("charge", inquiry.charge, "charge")));
  const { payment_method_details: details } = inquiry;
  const withdrawal = left > 0 ? [withdraw(tx, { ...inquiry, amount: left })] : [];
  const dispute = tx.update(
    "dispute",
    inquiry.id,
    {
      status: next("dispute", inquiry.status, "needs_response"),
      balance_transactions: [...inquiry.balance_transactions, ...withdrawal],
      evidence_details: { ...inquiry.evidence_details, due_by: deadline(tx) },
      is_charge_refundable: false,
      ...(details?.card && {
        payment_method_details: { ...details, card: { ...details.card, case_type: "chargeback" } },
      }),
    },
    "charge.dispute.updated",
  );
  if (withdrawal.length > 0) tx.emit("charge.dispute.funds_withdrawn", dispute);
  return dispute;
}

/**
 * Ends a dispute. An inquiry that is won is only closed; one that is lost has become a dispute first.
 * Throws when it is over.
 */
export function closeDispute(tx: Transaction, dispute: Dispute, outcome: "won" | "lost"): Dispute {
  if (isFinal("dispute", dispute.status)) throw alreadyClosed(dispute);
  if (dispute.status.startsWith("warning_")) {
    if (outcome === "lost") return closeDispute(tx, escalate(tx, dispute), "lost");
    return finish(tx, dispute, { status: next("dispute", dispute.status, "warning_closed") });
  }
  const status = next("dispute", dispute.status, outcome);
  if (outcome === "lost") return finish(tx, dispute, { status });
  const balance_transactions = [...dispute.balance_transactions, ...reinstate(tx, dispute)];
  const won = finish(tx, dispute, { status, balance_transactions, is_charge_refundable: true });
  tx.emit("charge.dispute.funds_reinstated", won);
  return won;
}

/** The deadline has passed without an answer. */
export function lapse(tx: Transaction, dispute: Dispute): Dispute {
  const evidence_details = { ...dispute.evidence_details, past_due: true };
  const late = tx.update("dispute", dispute.id, { evidence_details }, "charge.dispute.updated");
  return closeDispute(tx, late, dispute.status === "needs_response" ? "lost" : "won");
}

/** Until when a dispute can be answered; null when it has been, or is over. */
export function answerBy({ status, evidence_details }: Dispute): number | null {
  return status === "needs_response" || status === "warning_needs_response" ? evidence_details.due_by : null;
}

export function alreadyClosed({ status }: Dispute) {
  return invalidRequest(`This dispute is already closed: its status is ${status}.`);
}

function finish(tx: Transaction, dispute: Dispute, changes: Partial<Dispute>): Dispute {
  const closed = tx.update("dispute", dispute.id, changes);
  tx.emit("charge.dispute.closed", closed);
  return closed;
}

/** Gives back all that was withdrawn, the fee included. */
function reinstate(tx: Transaction, dispute: Dispute): BalanceTransaction[] {
  return dispute.balance_transactions.map((withdrawal) =>
    moveBalance(tx, {
      type: "adjustment",
      reporting_category: "dispute_reversal",
      amount: -withdrawal.amount,
      currency: dispute.currency,
      source: dispute.id,
      description: `Chargeback reversal for ${dispute.charge}`,
      fee: { amount: -withdrawal.fee, description: "Dispute fee" },
    }),
  );
}
