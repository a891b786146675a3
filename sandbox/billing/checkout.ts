import { invalidRequest } from "../errors.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import {
  type Attempt,
  completeSession,
  earlierAttempt,
  intentOf,
  openSubscription,
  type Payer,
  payingCustomer,
  trialEndOf,
} from "./checkout-order.ts";
import { followIntent, intentRefusal } from "./collection.ts";
import { authenticateIntent, confirmIntent, createIntent, needsAuthentication } from "./intents.ts";
import { attach, cardOf } from "./payment-methods.ts";
import { expireIncomplete } from "./subscription-changes.ts";

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
  const willPay =
    !needsAuthentication(tx, method) && !cardOf(method).declines && !cardOf(method).declinesCharges;
  if (willPay) attach(tx, method, customer.id);
  const intent = confirmIntent(
    tx,
    earlier
      ? tx.need("payment_intent", earlier.payment_intent)
      : createIntent(tx, intentOf(details, customer.id)),
    tx.need("payment_method", method.id),
  );
  const attempt = earlier ?? openSubscription(tx, details, customer, intent);
  return settle(tx, session, attempt, intent, method);
}

/** The holder's answer to the 3-D Secure question of a session's payment. */
export function authenticateSession(tx: Transaction, intent: Intent, outcome: "succeed" | "fail"): Attempted {
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

/** Draws the consequences of what became of the payment. */
function settle(
  tx: Transaction,
  session: Session,
  attempt: Attempt,
  intent: Intent,
  method: PaymentMethod,
): Attempted {
  if (intent.status === "succeeded") attach(tx, tx.need("payment_method", method.id), attempt.customer);
  followIntent(tx, intent);
  if (intent.status === "requires_action") return { session, authenticate: intent };
  if (intent.status !== "succeeded") throw intentRefusal(intent, method);
  return { session: completeSession(tx, session, attempt, "paid"), authenticate: null };
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
  return completeSession(tx, session, attempt, "no_payment_required");
}
