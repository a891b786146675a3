import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { confirmIntent, createIntent } from "../payments/intents.ts";
import { earlierAttempt } from "./order.ts";
import { noteAttempt } from "./outcome.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];

/**
 * Tries to take the one payment of a session; null when nothing is due. Only a card that is to be used
 * again becomes the customer's.
 */
export function payOnce(
  tx: Transaction,
  session: Session,
  { customer, method }: { customer: Kinds["customer"] | null; method: Kinds["payment_method"] | null },
): Intent | null {
  const details = tx.need("checkout_details", session.id);
  const earlier = earlierAttempt(tx, details);
  noteAttempt(tx, session.id, { customer: customer?.id ?? null });
  if (session.amount_total === 0) return null;
  const intent = earlier
    ? tx.need("payment_intent", earlier.payment_intent!)
    : openPayment(tx, session, details, customer);
  return confirmIntent(tx, intent, method!);
}

function openPayment(
  tx: Transaction,
  session: Session,
  { payment_data: data }: CheckoutDetails,
  customer: Kinds["customer"] | null,
): Intent {
  const intent = createIntent(tx, {
    ...data,
    amount: session.amount_total!,
    currency: session.currency!,
    customer: customer?.id ?? null,
  });
  noteAttempt(tx, session.id, { payment_intent: intent.id });
  return intent;
}
