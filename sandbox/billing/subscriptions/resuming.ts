import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";
import type { InvoiceLine } from "../invoices/lines.ts";
import { awaitPayment } from "./awaited-changes.ts";
import type { ProrationBehavior } from "./change-plan.ts";
import { foretellInvoice } from "./details.ts";
import { defaultMethod, draftBill } from "./invoices.ts";
import { type Item, periodFrom } from "./items.ts";
import { itemLine } from "./lines.ts";
import { debitForUnpaid, insertProration, type Proration, span } from "./prorations.ts";
import { collectNow, noMethod } from "./start.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** How a paused subscription goes on. */
interface Resumption {
  billing_cycle_anchor: "now" | "unchanged";
  payment_behavior: "resume_on_payment_attempt" | "resume_on_payment_success";
  proration_behavior: ProrationBehavior;
  proration_date?: number | undefined;
}

/** How it goes on, worked out and not yet done. */
interface Plan {
  patch: Partial<Subscription>;
  after: Subscription;
  prorations: Proration[];
  lines: InvoiceLine[];
  bills: boolean;
}

/**
 * Lets a paused subscription go on: with new periods from now on, billed in full, or in the old ones,
 * billed for what is left of them and not paid for. When it has to be paid for first, it stays paused until then, 23 hours at
 * most. https://docs.stripe.com/billing/subscriptions/pause#resume-subscriptions
 */
export function resumeSubscription(tx: Transaction, paused: Subscription, how: Resumption): Subscription {
  assertCanResume(paused);
  const plan = planResumption(tx, paused, how);
  if (plan.bills && !defaultMethod(tx, paused)) throw noMethod();
  if (plan.bills && how.payment_behavior === "resume_on_payment_success") payFirst(tx, paused, plan);
  else goOn(tx, paused, plan);
  return tx.need("subscription", paused.id);
}

function assertCanResume({ collection_method, status }: Subscription): void {
  if (status !== "paused") {
    throw invalidRequest(
      `Only paused subscriptions can be resumed: this subscription's status is ${status}.`,
    );
  }
  if (collection_method !== "charge_automatically") {
    throw invalidRequest("Only subscriptions with `collection_method=charge_automatically` can be resumed.");
  }
}

function planResumption(tx: Transaction, paused: Subscription, how: Resumption): Plan {
  const isInTrial = paused.trial_end !== null && paused.trial_end > tx.now;
  const isAnew = how.billing_cycle_anchor === "now" && !isInTrial;
  const billing_cycle_anchor = isAnew ? tx.now : paused.billing_cycle_anchor;
  const terms = { billing_cycle_anchor, cancel_at: paused.cancel_at };
  const data = paused.items.data.map((item) => (isInTrial ? item : inPeriod(tx, terms, item, isAnew)));
  const patch: Partial<Subscription> = {
    items: { ...paused.items, data },
    billing_cycle_anchor,
    status: isInTrial ? "trialing" : "active",
    status_details: undefined,
  };
  const after = { ...paused, ...patch };
  const from = how.proration_date ?? tx.now;
  const prorations =
    isInTrial || isAnew || how.proration_behavior === "none"
      ? []
      : data.flatMap((item) => debitForUnpaid(tx, after, item, span(from, item.current_period_end)));
  const bills = isAnew || (how.proration_behavior === "always_invoice" && prorations.length > 0);
  const lines = isAnew ? data.map((item) => itemLine(tx, after, item)) : [];
  return { patch, after, prorations, lines, bills };
}

function inPeriod(
  tx: Transaction,
  terms: Parameters<typeof periodFrom>[0],
  item: Item,
  isAnew: boolean,
): Item {
  if (!isAnew && item.current_period_end > tx.now) return item;
  const { start, end } = periodFrom(terms, item, tx.now);
  return { ...item, current_period_start: start, current_period_end: end };
}

function goOn(tx: Transaction, paused: Subscription, plan: Plan): void {
  const id = newId("in");
  next("subscription", paused.status, plan.patch.status!);
  const patch = { ...plan.patch, ...(plan.bills && { latest_invoice: id }) };
  const resumed = tx.update("subscription", paused.id, patch, "customer.subscription.updated");
  tx.emit("customer.subscription.resumed", resumed);
  foretellInvoice(tx, resumed);
  bill(tx, resumed, plan, id);
}

function payFirst(tx: Transaction, paused: Subscription, plan: Plan): void {
  const invoice = newId("in");
  tx.update("subscription", paused.id, { latest_invoice: invoice });
  awaitPayment(tx, paused, { invoice, patch: plan.patch, of: "resumption" });
  bill(tx, { ...plan.after, latest_invoice: invoice }, plan, invoice);
}

/** The draft of the invoice that resuming makes, if it makes one. */
export function draftOfResumption(
  tx: ImaginedTransaction,
  paused: Subscription,
  how: Resumption,
): Invoice | null {
  assertCanResume(paused);
  const plan = planResumption(tx, paused, how);
  const id = newId("in");
  return draft(tx, tx.update("subscription", paused.id, plan.patch), plan, id);
}

function bill(tx: Transaction, subscription: Subscription, plan: Plan, id: string): void {
  const drafted = draft(tx, subscription, plan, id);
  if (drafted) collectNow(tx, drafted, "allow_incomplete");
}

function draft(
  tx: Transaction,
  subscription: Subscription,
  { prorations, lines, bills }: Plan,
  id: string,
): Invoice | null {
  for (const proration of prorations) insertProration(tx, subscription, proration);
  return bills ? draftBill(tx, subscription, { id, billing_reason: "subscription_update", lines }) : null;
}
