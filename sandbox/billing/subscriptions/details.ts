import { DAY_SECONDS } from "../../clock.ts";
import type { Kinds, SubscriptionDetails } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { nextPeriodEnd } from "./items.ts";

type Subscription = Kinds["subscription"];

/** A trial's end is told of so long before. */
const TRIAL_NOTICE_SECONDS = 3 * DAY_SECONDS;

/** The next invoice is told of so long before. */
const INVOICE_NOTICE_SECONDS = 7 * DAY_SECONDS;

/** What a subscription knows beyond what Stripe shows of it. */
export function detailsOf(tx: Transaction, { id, customer }: Subscription): SubscriptionDetails {
  const known = tx.get("subscription_details", id);
  return known ?? { id, customer, trial_will_end_at: null, upcoming_at: null, awaiting: null };
}

/** Changes it. */
export function changeDetails(
  tx: Transaction,
  subscription: Subscription,
  patch: Partial<SubscriptionDetails>,
): void {
  tx.insert("subscription_details", { ...detailsOf(tx, subscription), ...patch });
}

/**
 * Plans to tell of a trial's end three days before it, and tells at once when it is shorter or over.
 * Without a trial nothing is told. https://docs.stripe.com/billing/subscriptions/trials
 */
export function foretellTrialEnd(tx: Transaction, subscription: Subscription): void {
  const { trial_end } = subscription;
  const at = trial_end === null ? null : trial_end - TRIAL_NOTICE_SECONDS;
  const isNow = at !== null && at <= tx.now;
  if (isNow) tx.emit("customer.subscription.trial_will_end", subscription);
  changeDetails(tx, subscription, { trial_will_end_at: isNow ? null : at });
}

/** Tells of a trial's end, when it still ends then. */
export function tellTrialEnd(tx: Transaction, { id }: SubscriptionDetails): void {
  const subscription = tx.get("subscription", id);
  if (!subscription) return;
  changeDetails(tx, subscription, { trial_will_end_at: null });
  if (subscription.status === "trialing") tx.emit("customer.subscription.trial_will_end", subscription);
}

/** Plans to tell of the next invoice a week before it, if the period is longer than that. */
export function foretellInvoice(tx: Transaction, subscription: Subscription): void {
  const at = nextPeriodEnd(subscription) - INVOICE_NOTICE_SECONDS;
  changeDetails(tx, subscription, { upcoming_at: at > tx.now ? at : null });
}
