import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal, next } from "../../states.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";
import { voidInvoice } from "../invoices/endings.ts";
import { finalizeInvoice } from "../invoices/invoices.ts";
import { assertNotUnderWay, isUnderWay } from "../invoices/payments.ts";
import { assertChargeable } from "../payments/amounts.ts";
import { awaitPayment, dropAwaited } from "./awaited-changes.ts";
import { type BillingChange, type ChangePlan, type ProrationBehavior, planChange } from "./change-plan.ts";
import { detailsOf, foretellInvoice, foretellTrialEnd } from "./details.ts";
import { type ExtraItem, insertExtraItems } from "./extra-items.ts";
import { defaultMethod, draftBill } from "./invoices.ts";
import { periodEnd } from "./items.ts";
import { insertProration } from "./prorations.ts";
import { withheld } from "./renewals.ts";
import { assertMayChange, type PlainChanges, plainPatch } from "./settings.ts";
import { collectNow, noMethod, type PaymentBehavior } from "./start.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** A change to a subscription; what is not said stays. */
export interface SubscriptionChanges
  extends PlainChanges,
    Partial<Omit<BillingChange, "cancel_at" | "discounts">> {
  extras?: ExtraItem[];
  /** `create_prorations` without it. */
  proration_behavior?: ProrationBehavior;
  /** `allow_incomplete` without it. */
  payment_behavior?: PaymentBehavior;
  /** Nobody asked for it now: when nobody can be charged, the payment fails. */
  isAutomatic?: boolean;
}

/** A change that is worked out and not yet made. */
interface Prepared {
  patch: Partial<Subscription>;
  plan: ChangePlan;
  extras: ExtraItem[];
}

/**
 * Changes a subscription: at once, with prorations that wait for the next invoice or are billed now.
 * A refused payment leaves it in arrears, or changes nothing, or lets the change wait, as
 * `payment_behavior` says. Of an ended subscription only metadata and cancellation details change.
 * https://docs.stripe.com/api/subscriptions/update
 */
export function updateSubscription(
  tx: Transaction,
  subscription: Subscription,
  changes: SubscriptionChanges,
): Subscription {
  assertMayChange(subscription, changes);
  if (isFinal("subscription", subscription.status)) {
    const patch = plainPatch(tx, subscription, changes);
    return tx.update("subscription", subscription.id, patch, "customer.subscription.updated");
  }
  const before = withoutPending(tx, subscription, changes);
  const prepared = prepare(tx, before, changes);
  const behavior = changes.payment_behavior ?? "allow_incomplete";
  if (behavior === "pending_if_incomplete" && isCharged(tx, before, prepared)) attempt(tx, before, prepared);
  else make(tx, before, prepared, { behavior, isAutomatic: changes.isAutomatic ?? false });
  return tx.need("subscription", before.id);
}

/** The draft that a change would make if it is billed now; else undefined. */
export function draftOfChange(
  tx: ImaginedTransaction,
  subscription: Subscription,
  changes: SubscriptionChanges,
): Invoice | undefined {
  assertMayChange(subscription, changes);
  return apply(tx, subscription, prepare(tx, subscription, changes)) ?? undefined;
}

/**
 * A change that is billed takes the place of one that still waits to be paid for. One whose payment a
 * bank has under way cannot be replaced; a change that nobody asks for now is made beside it.
 */
function withoutPending(
  tx: Transaction,
  subscription: Subscription,
  changes: SubscriptionChanges,
): Subscription {
  const { pending_update, id } = subscription;
  const touchesBilling =
    changes.items !== undefined || changes.trial_end !== undefined || changes.billing_cycle_anchor === "now";
  if (!pending_update || !touchesBilling) return subscription;
  const invoice = tx.get("invoice", detailsOf(tx, subscription).awaiting?.invoice ?? "");
  if (invoice && changes.isAutomatic && isUnderWay(tx, invoice)) return subscription;
  if (invoice) assertNotUnderWay(tx, invoice, "replace a pending update");
  if (invoice?.status === "open") voidInvoice(tx, invoice);
  else dropAwaited(tx, subscription);
  return tx.need("subscription", id);
}

function prepare(tx: Transaction, before: Subscription, changes: SubscriptionChanges): Prepared {
  const patch = plainPatch(tx, before, changes);
  const plan = planChange(tx, before, {
    ...changes,
    proration_behavior: changes.proration_behavior ?? "create_prorations",
    cancel_at: movesEnd(changes) ? patch.cancel_at : undefined,
    discounts: patch.discounts,
  });
  const endsWithPeriod = patch.cancel_at_period_end ?? before.cancel_at_period_end;
  const end = endsWithPeriod ? { cancel_at: periodEnd(plan.after) } : {};
  return { patch: { ...patch, ...end }, plan, extras: changes.extras ?? [] };
}

/** An end with the period makes no period shorter; any other end does, and taking it away makes it whole again. */
const movesEnd = (changes: SubscriptionChanges): boolean =>
  changes.cancel_at !== undefined || changes.cancel_at_period_end === false;

/** Makes a change, and drafts its invoice when it is billed now. */
function apply(tx: Transaction, before: Subscription, { patch, plan, extras }: Prepared): Invoice | null {
  const id = newId("in");
  const { status = before.status } = plan.patch;
  next("subscription", before.status, status);
  const after = tx.update(
    "subscription",
    before.id,
    { ...patch, ...plan.patch, ...(plan.bills && { latest_invoice: id }) },
    "customer.subscription.updated",
  );
  for (const gone of before.discounts.filter((discount) => !after.discounts.includes(discount))) {
    tx.emit("customer.discount.deleted", tx.need("discount", gone));
  }
  if (after.trial_end !== before.trial_end) foretellTrialEnd(tx, after);
  if (plan.bills) foretellInvoice(tx, after);
  return bill(tx, after, { patch, plan, extras }, id);
}

function bill(
  tx: Transaction,
  subscription: Subscription,
  { plan, extras }: Prepared,
  id: string,
): Invoice | null {
  for (const proration of plan.prorations) insertProration(tx, subscription, proration);
  insertExtraItems(tx, subscription, extras);
  if (!plan.bills) return null;
  return draftBill(tx, subscription, { id, billing_reason: "subscription_update", lines: plan.lines });
}

/** How a change is paid for. */
interface Manner {
  behavior: PaymentBehavior;
  isAutomatic: boolean;
}

function make(tx: Transaction, before: Subscription, prepared: Prepared, manner: Manner): void {
  const draft = apply(tx, before, prepared);
  if (draft) collect(tx, tx.need("subscription", before.id), draft, manner);
}

/** Collects what a change is billed, unless the subscription's invoices are not to be collected now. */
function collect(
  tx: Transaction,
  subscription: Subscription,
  draft: Invoice,
  { behavior, isAutomatic }: Manner,
): void {
  const isKept = !draft.auto_advance || draft.collection_method === "send_invoice";
  if (draft.amount_due === 0) return void finalizeInvoice(tx, draft);
  if (isKept) return;
  if (subscription.pause_collection) return void withheld(tx, subscription, draft);
  if (!isAutomatic) assertChargeable(draft.amount_due, draft.currency);
  if (behavior === "default_incomplete") {
    finalizeInvoice(tx, draft);
    const status = next("subscription", subscription.status, "past_due");
    tx.update("subscription", subscription.id, { status }, "customer.subscription.updated");
    return;
  }
  if (!isAutomatic && !defaultMethod(tx, subscription)) throw noMethod();
  collectNow(tx, draft, behavior);
}

function isCharged(tx: Transaction, before: Subscription, prepared: Prepared): boolean {
  if (before.collection_method === "send_invoice" || before.pause_collection) return false;
  const draft = tx.imagine(() => apply(tx, before, prepared));
  return draft !== null && draft.amount_due > 0;
}

/** Lets a change wait for its payment, and tries to make that. https://docs.stripe.com/billing/subscriptions/pending-updates */
function attempt(tx: Transaction, before: Subscription, prepared: Prepared): void {
  if (!defaultMethod(tx, before)) throw noMethod();
  const { patch, plan } = prepared;
  const invoice = newId("in");
  const awaited = { ...patch, ...plan.patch, latest_invoice: invoice };
  const draft = bill(tx, plan.after, prepared, invoice)!;
  assertChargeable(draft.amount_due, draft.currency);
  awaitPayment(tx, before, { invoice, patch: awaited, of: "pending_update" });
  if (collectNow(tx, draft, "allow_incomplete").status === "paid") return;
  const pending_update = {
    billing_cycle_anchor: differing(before.billing_cycle_anchor, plan.after.billing_cycle_anchor),
    cancel_at_period_end: null,
    discount: null,
    discounts: null,
    expires_at: tx.get("subscription_details", before.id)!.awaiting!.expires_at,
    metadata: null,
    subscription_items: plan.after.items.data,
    trial_end: differing(before.trial_end, plan.after.trial_end),
    trial_from_plan: null,
  };
  tx.update(
    "subscription",
    before.id,
    { latest_invoice: invoice, pending_update },
    "customer.subscription.updated",
  );
}

const differing = <T>(before: T, after: T): T | null => (before === after ? null : after);
