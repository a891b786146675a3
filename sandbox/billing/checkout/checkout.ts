import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal, next, REFUSED } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { followIntent, intentRefusal } from "../invoices/collection.ts";
import { cancelSetup, setupRefusal } from "../payments/setup-intents.ts";
import { abandonAttempt, type Payer, payingCustomer, trialEndOf } from "./order.ts";
import { completeSession } from "./outcome.ts";
import { payOnce } from "./payment.ts";
import { recoveryOf } from "./recovery.ts";
import { followSetup, setUpMethod } from "./setup.ts";
import { subscribe } from "./subscription.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];
type PaymentMethod = Kinds["payment_method"];

/** What an attempt to pay led to. A decline is thrown, after its traces are kept. */
export interface Attempted {
  session: Session;
  /** Set when the card's holder must be asked first. */
  authenticate: Intent | Kinds["setup_intent"] | null;
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
  if (!method && needsMethod(session)) {
    throw invalidRequest("A payment method is required to complete this session.", {
      param: "payment_method",
      code: "parameter_missing",
    });
  }
  const typed = { email: payer.email ?? null, name: payer.name ?? null };
  const details = tx.update("checkout_details", session.id, { payer: typed });
  const customer = payingCustomer(tx, session, payer);
  if (method) assertTaken(session, method);
  if (session.mode === "setup")
    return settleSetup(tx, session, setUpMethod(tx, session, { customer, method: method! }));
  const intent =
    session.mode === "subscription"
      ? subscribe(tx, session, { customer: customer!, method, trialEnd: trialEndOf(details, tx.now) })
      : payOnce(tx, session, { customer, method });
  if (intent) return settle(tx, intent, method!);
  return { session: completeSession(tx, session, "no_payment_required"), authenticate: null };
}

function assertTaken({ payment_method_types: types }: Session, { type }: PaymentMethod): void {
  if (types.includes(type)) return;
  throw invalidRequest(`This Checkout Session takes ${types.join(", ")}, not ${type}.`, {
    param: "payment_method",
  });
}

function settleSetup(tx: Transaction, { id }: Session, intent: Kinds["setup_intent"]): Attempted {
  if (intent.status === "requires_payment_method") throw setupRefusal(intent);
  followSetup(tx, intent);
  const authenticate = intent.status === "requires_action" ? intent : null;
  return { session: tx.need("checkout.session", id), authenticate };
}

/** Whether a session cannot be completed without something to pay with. */
export function needsMethod({ amount_total, payment_method_collection }: Session): boolean {
  return amount_total !== 0 || payment_method_collection !== "if_required";
}

/** Closes an open session that was not paid, and whatever an attempt left behind. */
export function expireSession(tx: Transaction, session: Session): Session {
  abandonAttempt(tx, tx.need("checkout_details", session.id));
  const setup = tx.get("setup_intent", session.setup_intent ?? "");
  if (setup && !isFinal("setup_intent", setup.status)) cancelSetup(tx, setup);
  const expired = tx.update("checkout.session", session.id, {
    status: next("checkout.session", session.status, "expired"),
    after_expiration: recoveryOf(tx, session),
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
function settle(tx: Transaction, intent: Intent, method: PaymentMethod): Attempted {
  followIntent(tx, intent);
  if (REFUSED.includes(intent.status)) throw intentRefusal(intent, method);
  const details = tx.find("checkout_details", "payment_intent", intent.id);
  if (!details) throw invalidRequest("This PaymentIntent does not belong to a Checkout session.");
  return {
    session: tx.need("checkout.session", details.id),
    authenticate: intent.status === "requires_action" ? intent : null,
  };
}
