import { noSuch } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { BILLED, isFinal, next } from "../../states.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";
import { payInvoice } from "../invoices/collection.ts";
import { stopCollecting, voidInvoice } from "../invoices/endings.ts";
import { finalizeInvoice } from "../invoices/invoices.ts";
import { pendingItems } from "../invoices/items.ts";
import { isUnderWay } from "../invoices/payments.ts";
import { scheduleEnds } from "../schedules/links.ts";
import { changeDetails, detailsOf } from "./details.ts";
import { draftBill } from "./invoices.ts";
import { isMetered, periodOf } from "./items.ts";
import { itemLine } from "./lines.ts";
import { creditFor, insertProration, span } from "./prorations.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];
type Details = NonNullable<Subscription["cancellation_details"]>;

/** An unpaid first invoice makes the subscription lapse after this long. */
const INCOMPLETE_SECONDS = 23 * 3600;

/** When a subscription lapses whose first payment has not come; null once it has. */
export const lapsesAt = ({ created, status }: Subscription): number | null =>
  status === "incomplete" ? created + INCOMPLETE_SECONDS : null;

/** The first payment never came: the subscription ends and its invoice is taken back. */
export function expireIncomplete(tx: Transaction, subscription: Subscription): void {
  const invoice = tx.get("invoice", subscription.latest_invoice ?? "");
  const status = next("subscription", subscription.status, "incomplete_expired");
  tx.update("subscription", subscription.id, { status, ended_at: tx.now }, "customer.subscription.updated");
  if (invoice?.status === "open") voidInvoice(tx, invoice);
}

/** Why a subscription ends, and what is still billed. */
export interface Cancellation {
  comment?: string | null;
  feedback?: Details["feedback"];
  /** Without it, because someone asked. */
  reason?: Details["reason"];
  /** Gives back what has been paid for the time that is left. */
  prorates?: boolean;
  /** Bills at once what is pending and what has been used. */
  invoicesNow?: boolean;
}

/**
 * Ends a subscription at once (`customer.subscription.deleted`). Unless something is still to be
 * billed, prorations that waited for the next invoice are gone. An invoice that it, or a change of it,
 * waited for is taken back; others stay open, and are collected no longer. https://docs.stripe.com/billing/subscriptions/cancel
 */
export function cancelNow(
  tx: Transaction,
  subscription: Subscription,
  { prorates = false, invoicesNow = false, ...why }: Cancellation = {},
): Subscription {
  if (isFinal("subscription", subscription.status)) throw noSuch("subscription", subscription.id);
  end(tx, subscription, why);
  if (prorates) giveBack(tx, subscription);
  const draft = invoicesNow ? draftLast(tx, subscription, "subscription_update") : null;
  if (draft) collectLast(tx, draft);
  else if (!prorates) dropProrations(tx, subscription);
  return tx.need("subscription", subscription.id);
}

/** Ends a subscription at the moment that was planned: what is pending, and what was used, is billed in the end. */
export function endAsPlanned(tx: Transaction, subscription: Subscription): void {
  end(tx, subscription, {});
  draftLast(tx, subscription, "subscription_cycle");
}

function end(
  tx: Transaction,
  subscription: Subscription,
  { reason = "cancellation_requested", ...said }: Cancellation,
): Subscription {
  const details = subscription.cancellation_details;
  const canceled = tx.update("subscription", subscription.id, {
    status: next("subscription", subscription.status, "canceled"),
    canceled_at: subscription.canceled_at ?? tx.now,
    ended_at: tx.now,
    pending_update: null,
    cancellation_details: {
      comment: details?.comment ?? null,
      feedback: details?.feedback ?? null,
      feedback_option: null,
      ...said,
      reason,
    },
  });
  tx.emit("customer.subscription.deleted", canceled);
  endCollection(tx, subscription);
  scheduleEnds(tx, subscription);
  return canceled;
}

function endCollection(tx: Transaction, subscription: Subscription): void {
  const { id, status } = subscription;
  const awaited = detailsOf(tx, subscription).awaiting?.invoice;
  changeDetails(tx, subscription, { awaiting: null });
  for (const invoice of [...tx.newest("invoice", { index: "subscription", key: id })]) {
    const isForNothing = status === "incomplete" || invoice.id === awaited;
    if (isForNothing && invoice.status === "open" && !isUnderWay(tx, invoice)) voidInvoice(tx, invoice);
    else stopCollecting(tx, invoice);
  }
}

/** A trial cost nothing, a subscription that has not started neither; pausing has given back what it was told to. */
function giveBack(tx: Transaction, subscription: Subscription): void {
  if (!BILLED.includes(subscription.status)) return;
  for (const item of subscription.items.data) {
    for (const credit of creditFor(tx, subscription, item, span(tx.now, item.current_period_end)))
      insertProration(tx, subscription, credit);
  }
}

/** The draft of the last invoice, if there is anything to bill. */
function draftLast(
  tx: Transaction,
  subscription: Subscription,
  billing_reason: "subscription_cycle" | "subscription_update",
): Invoice | null {
  const used = subscription.items.data.filter(isMetered).map((item) => {
    const previous = { start: periodOf(item).start, end: tx.now };
    return itemLine(tx, subscription, item, { previous });
  });
  const lines = subscription.status === "trialing" ? [] : used.filter(({ amount }) => amount !== 0);
  if (lines.length === 0 && pendingItems(tx, subscription).length === 0) return null;
  const id = newId("in");
  const after = tx.update("subscription", subscription.id, { latest_invoice: id });
  return draftBill(tx, after, { id, billing_reason, lines });
}

/** The draft that canceling now, with everything billed at once, makes. */
export function cancelDraft(
  tx: ImaginedTransaction,
  subscription: Subscription,
  prorates: boolean,
): Invoice | null {
  end(tx, subscription, {});
  if (prorates) giveBack(tx, subscription);
  return draftLast(tx, subscription, "subscription_update");
}

function collectLast(tx: Transaction, draft: Invoice): void {
  if (draft.collection_method === "send_invoice" || draft.amount_due === 0) finalizeInvoice(tx, draft);
  else payInvoice(tx, draft);
}

function dropProrations(tx: Transaction, subscription: Subscription): void {
  for (const item of pendingItems(tx, subscription)) {
    if (!item.proration || item.parent?.subscription_details?.subscription !== subscription.id) continue;
    tx.remove("invoiceitem", item.id);
    tx.emit("invoiceitem.deleted", item);
  }
}
