import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { applyAwaited, awaitedWith, dropAwaited, expireAwaitedBefore } from "./awaited-changes.ts";
import { cancelNow, expireIncomplete } from "./cancellation.ts";
import { settingsOf } from "./dunning.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/**
 * What a paid invoice means for its subscription: the first payment starts it, a change that waited
 * for this one is made, and one that is in arrears goes on when its latest invoice has been paid.
 */
export function subscriptionInvoicePaid(tx: Transaction, subscription: Subscription, invoice: Invoice): void {
  const awaited = awaitedWith(tx, subscription, invoice);
  if (awaited) applyAwaited(tx, subscription, awaited);
  else if (subscription.status === "incomplete") begin(tx, subscription, invoice);
  else recover(tx, subscription, invoice);
}

/**
 * What it means for a subscription that a bank has the payment of its invoice under way: a first one
 * starts it, days before the money is there. Should the bank refuse, it is in arrears.
 */
export function subscriptionInvoiceUnderWay(
  tx: Transaction,
  subscription: Subscription,
  invoice: Invoice,
): void {
  if (subscription.status === "incomplete") begin(tx, subscription, invoice);
}

function begin(tx: Transaction, subscription: Subscription, invoice: Invoice): void {
  const kept = keepsMethod(tx, subscription) ? paidWith(tx, invoice) : null;
  const patch = { status: runningStatus(tx, subscription), ...(kept && { default_payment_method: kept }) };
  change(tx, subscription, patch);
}

const runningStatus = (tx: Transaction, { trial_end }: Subscription): "trialing" | "active" =>
  trial_end !== null && trial_end > tx.now ? "trialing" : "active";

/**
 * What an invoice that was taken back or written off means for its subscription: one that waited for
 * it does not start, or does not change; one in arrears owes it no longer.
 */
export function subscriptionInvoiceClosed(
  tx: Transaction,
  subscription: Subscription,
  invoice: Invoice,
): void {
  const awaited = awaitedWith(tx, subscription, invoice);
  if (awaited?.of === "resumption" && invoice.status === "uncollectible")
    applyAwaited(tx, subscription, awaited);
  else if (awaited) dropAwaited(tx, subscription);
  else if (subscription.status === "incomplete" && invoice.status === "void")
    expireIncomplete(tx, subscription);
  else if (invoice.attempted) recover(tx, subscription, invoice);
}

function recover(tx: Transaction, subscription: Subscription, invoice: Invoice): void {
  const isInArrears = subscription.status === "past_due" || subscription.status === "unpaid";
  if (isInArrears && isLatest(tx, subscription.id, invoice))
    change(tx, subscription, { status: runningStatus(tx, subscription) });
}

/** Whether no later invoice is in arrears. */
function isLatest(tx: Transaction, subscription: string, invoice: Invoice): boolean {
  for (const later of tx.newest("invoice", { index: "subscription", key: subscription })) {
    if (later.id === invoice.id) return true;
    if (later.status === "open" && (later.due_date ?? tx.now) <= tx.now) return false;
  }
  return true;
}

/** The method of the first payment stays where that was asked for, and after a Checkout session. */
const keepsMethod = (tx: Transaction, { id, payment_settings }: Subscription): boolean =>
  payment_settings?.save_default_payment_method === "on_subscription" ||
  tx.find("checkout_details", "subscription", id) !== undefined;

function paidWith(tx: Transaction, invoice: Invoice): string | null {
  const intent = tx.find("invoice_payment", "invoice", invoice.id)?.payment.payment_intent;
  return intent ? tx.need("payment_intent", intent).payment_method : null;
}

/**
 * What a payment that was refused, or waits for the customer, means for the subscription: a first one
 * leaves it incomplete; later it is in arrears and, after the last try, what the settings say. An invoice that was written off makes no arrears.
 */
export function subscriptionInvoiceFailed(
  tx: Transaction,
  subscription: Subscription,
  invoice: Invoice,
): void {
  if (invoice.status !== "open") return;
  if (awaitedWith(tx, subscription, invoice)) return void expireAwaitedBefore(tx, subscription);
  const { status } = subscription;
  if (status === "active" || status === "trialing") change(tx, subscription, { status: "past_due" });
  const current = tx.need("subscription", subscription.id);
  if (current.status === "past_due" && isGivenUp(tx, invoice)) giveUp(tx, current);
}

/** Whether the schedule of retries is used up. */
function isGivenUp(tx: Transaction, invoice: Invoice): boolean {
  const { attempt_count, auto_advance, collection_method, next_payment_attempt, status } = invoice;
  const isScheduled =
    auto_advance === true && collection_method === "charge_automatically" && status === "open";
  return isScheduled && next_payment_attempt === null && attempt_count > settingsOf(tx).retryDays.length;
}

function giveUp(tx: Transaction, subscription: Subscription): void {
  const { afterRetries } = settingsOf(tx);
  if (afterRetries === "cancel") cancelNow(tx, subscription, { reason: "payment_failed" });
  if (afterRetries === "unpaid") change(tx, subscription, { status: "unpaid" });
}

function change(
  tx: Transaction,
  { id, status }: Subscription,
  patch: Partial<Subscription> & { status: Subscription["status"] },
): void {
  next("subscription", status, patch.status);
  tx.update("subscription", id, patch, "customer.subscription.updated");
}
