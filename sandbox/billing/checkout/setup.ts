import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { confirmSetup } from "../payments/setup-intents.ts";
import { completeSession, noteAttempt } from "./outcome.ts";

type Session = Kinds["checkout.session"];
type SetupIntent = Kinds["setup_intent"];

/** Tries to set up a method for later payments, the customer's if there is one. */
export function setUpMethod(
  tx: Transaction,
  session: Session,
  { customer, method }: { customer: Kinds["customer"] | null; method: Kinds["payment_method"] },
): SetupIntent {
  noteAttempt(tx, session.id, { customer: customer?.id ?? null });
  const intent = tx.update("setup_intent", session.setup_intent!, { customer: customer?.id ?? null });
  return confirmSetup(tx, intent, method);
}

/** The session that a setup intent belongs to, if it is still open. */
const openSessionOf = (tx: Transaction, { id }: SetupIntent): Session | undefined => {
  const session = tx.find("checkout.session", "setup_intent", id);
  return session?.status === "open" ? session : undefined;
};

/** Draws the consequences of what became of a setup for its session, if there is one. */
export function followSetup(tx: Transaction, intent: SetupIntent): void {
  const session = openSessionOf(tx, intent);
  if (session && intent.status === "succeeded") completeSession(tx, session, "no_payment_required");
}

/**
 * Refuses what only the session may do with the intent that is its own.
 * https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-payment_intent
 */
export function assertNotCheckouts(
  tx: Transaction,
  intent: SetupIntent | Kinds["payment_intent"],
  verb: "cancel" | "confirm",
): void {
  const isSetup = intent.object === "setup_intent";
  const details = isSetup ? undefined : tx.find("checkout_details", "payment_intent", intent.id);
  const session = isSetup ? openSessionOf(tx, intent) : tx.get("checkout.session", details?.id ?? "");
  if (session?.status !== "open" || (verb === "confirm" && session.mode === "subscription")) return;
  const name = isSetup ? "SetupIntent" : "PaymentIntent";
  throw invalidRequest(
    `You cannot ${verb} the ${name} of a Checkout Session. ${verb === "cancel" ? "Expire the Checkout Session instead." : "It is confirmed when the Checkout Session is completed."}`,
    { code: isSetup ? "setup_intent_unexpected_state" : "payment_intent_unexpected_state" },
  );
}
