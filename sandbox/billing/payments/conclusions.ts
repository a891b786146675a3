import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { followSetup } from "../checkout/setup.ts";
import { debitOf } from "../customers/payment-methods.ts";
import { followIntent } from "../invoices/collection.ts";
import { followPortalSetup } from "../portal/methods.ts";
import { decideDebit } from "./charging.ts";
import { authenticateIntent } from "./intents.ts";
import { authenticateSetup } from "./setup-intents.ts";

type PaymentIntent = Kinds["payment_intent"];
type SetupIntent = Kinds["setup_intent"];
type Charge = Kinds["charge"];

/** Draws the consequences, for all that it pays, of an intent that has changed outside of any of them. */
export function conclude(tx: Transaction, intent: PaymentIntent): PaymentIntent {
  followIntent(tx, intent);
  return tx.need("payment_intent", intent.id);
}

/** The holder's answer to 3-D Secure for any payment, and what follows from it. */
export function answerPayment(
  tx: Transaction,
  intent: PaymentIntent,
  outcome: "succeed" | "fail",
): PaymentIntent {
  return conclude(tx, authenticateIntent(tx, intent, outcome));
}

/** The holder's answer to 3-D Secure for any setup, and what follows from it. */
export function answerSetup(tx: Transaction, intent: SetupIntent, outcome: "succeed" | "fail"): SetupIntent {
  const after = authenticateSetup(tx, intent, outcome);
  followSetup(tx, after);
  followPortalSetup(tx, after);
  return after;
}

/** When the bank decides a charge that is under way; null when it does not by itself. */
export function decidedAt({ created, payment_method_details, status }: Charge): number | null {
  if (status !== "pending" || !payment_method_details) return null;
  const debit = debitOf(payment_method_details);
  return debit && debit.outcome !== "undecided" ? created + debit.takes : null;
}

/** The bank decides a charge that is under way, as its test account says. */
export function decideCharge(tx: Transaction, charge: Charge): PaymentIntent {
  const planned = charge.payment_method_details && debitOf(charge.payment_method_details)?.outcome;
  return conclude(tx, decideDebit(tx, charge, typeof planned === "object" ? "fail" : "succeed"));
}

/** Decides a payment that is under way. Throws when it is not. */
export function decidePayment(
  tx: Transaction,
  intent: PaymentIntent,
  outcome: "succeed" | "fail",
): PaymentIntent {
  if (intent.status !== "processing") {
    const message = `This PaymentIntent's status is ${intent.status}: no bank has it under way.`;
    throw invalidRequest(message, { code: "payment_intent_unexpected_state" });
  }
  return conclude(tx, decideDebit(tx, tx.need("charge", intent.latest_charge ?? "", "charge"), outcome));
}
