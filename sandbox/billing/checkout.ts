import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { abandonAttempt, payingCustomer, trialEndOf } from "./checkout-order.ts";
import { completeSession, type Payer } from "./checkout-outcome.ts";
import { subscribe } from "./checkout-subscription.ts";
import { followIntent, intentRefusal } from "./collection.ts";
import { authenticateIntent } from "./intents.ts";
import { attach } from "./payment-methods.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

/** What an attempt to pay led to. A decline is thrown, after its traces are kept. */
export interface Attempted {
  session: Session;
  /** Set when the card's holder must be asked first. */
  authenticate: Intent | null;
}

/**
 * Pays an open session, as its page does. The first attempt makes what the session is for; later ones
 * go on with it. Throws 402 `card_error` when the card is refused; the session stays open.
 */
export function paySession(
  tx: Transaction,
  session: Session,
  method: PaymentMethod | null,
  payer: Payer = {},
): Attempted {
  assertOpen(session);
  const details = tx.need("checkout_details", session.id);
  const isFree = session.amount_total === 0;
  if (!method && !(isFree && session.payment_method_collection === "if_required")) {
    throw invalidRequest("A payment method is required to complete this session.", {
      param: "payment_method",
      code: "parameter_missing",
    });
  }
  const customer = payingCustomer(tx, session, payer)!;
  const intent = subscribe(tx, details, { customer, method, trialEnd: trialEndOf(details, tx.now) });
  if (intent) return settle(tx, session, intent, method!);
  const { attempt } = tx.need("checkout_details", session.id);
  const outcome = { payment_status: "no_payment_required" as const, payer };
  return { session: completeSession(tx, session, attempt!, outcome), authenticate: null };
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
  return settle(tx, tx.need("checkout.session", details.id), after, method);
}

/** Closes an open session that was not paid, and whatever an attempt left behind. */
export function expireSession(tx: Transaction, session: Session): Session {
  abandonAttempt(tx, tx.need("checkout_details", session.id));
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

/** Draws the consequences of what became of the payment. */
function settle(tx: Transaction, session: Session, intent: Intent, method: PaymentMethod): Attempted {
  const { attempt } = tx.need("checkout_details", session.id);
  if (intent.status === "succeeded" && attempt?.customer)
    attach(tx, tx.need("payment_method", method.id), attempt.customer);
  followIntent(tx, intent);
  if (intent.status === "requires_action") return { session, authenticate: intent };
  if (intent.status !== "succeeded") throw intentRefusal(intent, method);
  return {
    session: completeSession(tx, session, attempt!, { payment_status: "paid" }),
    authenticate: null,
  };
}
