import { DAY_SECONDS } from "../../clock.ts";
import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import { isFinal } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { createCustomer } from "../customers/customers.ts";
import { cancelIntent } from "../payments/intents.ts";
import { expireIncomplete } from "../subscriptions/cancellation.ts";

type Session = Kinds["checkout.session"];
type Attempt = NonNullable<CheckoutDetails["attempt"]>;

/** Who pays, as far as the page asked. */
export interface Payer {
  email?: string | undefined;
  name?: string | undefined;
}

/** When a trial that begins now ends; null without one. */
export function trialEndOf({ subscription_data: data }: CheckoutDetails, now: number): number | null {
  if (data.trial_end !== null) return data.trial_end > now ? data.trial_end : null;
  return data.trial_period_days === null ? null : now + data.trial_period_days * DAY_SECONDS;
}

/** Whether paying a session without a customer makes one: it is told to, or something needs one. */
export function createsCustomer(tx: Transaction, session: Session): boolean {
  const { payment_data } = tx.need("checkout_details", session.id);
  const needsOne = payment_data.setup_future_usage !== null || session.invoice_creation?.enabled === true;
  return session.customer_creation === "always" || needsOne;
}

/**
 * The session's customer, that of an earlier attempt, or a new one made from what the page asked;
 * null for a guest.
 */
export function payingCustomer(tx: Transaction, session: Session, payer: Payer): Kinds["customer"] | null {
  const details = tx.need("checkout_details", session.id);
  const known = session.customer ?? details.attempt?.customer;
  if (known) return knownCustomer(tx, known, details, payer);
  if (!createsCustomer(tx, session)) return null;
  return createCustomer(tx, {
    email: session.customer_email ?? payer.email ?? null,
    name: payer.name ?? null,
  });
}

/** A customer without an email gets the typed one; the name follows only when the session says so. */
function knownCustomer(
  tx: Transaction,
  id: string,
  { updates_name }: CheckoutDetails,
  payer: Payer,
): Kinds["customer"] {
  const customer = tx.need("customer", id, "customer");
  const email = customer.email ?? payer.email ?? null;
  const name = updates_name && payer.name ? payer.name : (customer.name ?? null);
  if (email === customer.email && name === (customer.name ?? null)) return customer;
  return tx.update("customer", id, { email, name }, "customer.updated");
}

/** What an earlier attempt left, if it can still be paid. */
export function earlierAttempt(tx: Transaction, { attempt }: CheckoutDetails): Attempt | null {
  const intent = tx.get("payment_intent", attempt?.payment_intent ?? "");
  return intent && !isFinal("payment_intent", intent.status) ? attempt : null;
}

/**
 * Takes back what an attempt has made but not paid, so that the next one starts afresh: the order has
 * changed, or the session is over. The customer stays.
 */
export function abandonAttempt(tx: Transaction, details: CheckoutDetails): void {
  const attempt = earlierAttempt(tx, details);
  if (!attempt) return;
  const subscription = attempt.subscription && tx.get("subscription", attempt.subscription);
  if (subscription && subscription.status === "incomplete") expireIncomplete(tx, subscription);
  const intent = tx.need("payment_intent", attempt.payment_intent!);
  if (!isFinal("payment_intent", intent.status)) cancelIntent(tx, intent, "expired");
  const { customer } = attempt;
  tx.update("checkout_details", details.id, {
    attempt: { customer, subscription: null, invoice: null, payment_intent: null },
  });
}
