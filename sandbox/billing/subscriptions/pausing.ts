import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { insertInvoiceItem } from "../invoices/items.ts";
import { draftBill } from "./invoices.ts";
import { type Item, isMetered, periodOf } from "./items.ts";
import { itemLine } from "./lines.ts";
import { creditFor, insertProration, span } from "./prorations.ts";
import { collectNow } from "./start.ts";

type Subscription = Kinds["subscription"];
type Reason = NonNullable<Subscription["status_details"]>["paused"]["subscription"]["type"];

/** What is billed, and given back, when a subscription is paused. */
interface Pause {
  /** From when on the time that was paid for is given back. */
  unusedFrom: "item_current_period_start" | "none" | "now";
  /** Whether what has been used so far is billed. */
  usageThrough: "none" | "now";
  invoicing: "invoice" | "pending_invoice_item";
}

/**
 * Stops a subscription until it is resumed: no periods, no invoices (`customer.subscription.paused`).
 * https://docs.stripe.com/billing/subscriptions/pause
 */
export function pausedBecause(tx: Transaction, subscription: Subscription, type: Reason): Subscription {
  const paused = tx.update(
    "subscription",
    subscription.id,
    {
      status: next("subscription", subscription.status, "paused"),
      status_details: {
        paused: { subscription: { type }, transitioned_at: tx.now, type: "subscription" },
      },
    },
    "customer.subscription.updated",
  );
  tx.emit("customer.subscription.paused", paused);
  return paused;
}

/** Pauses a subscription on demand. One that a schedule manages cannot be paused. */
export function pauseSubscription(tx: Transaction, subscription: Subscription, pause: Pause): Subscription {
  assertCanPause(subscription);
  const paused = pausedBecause(tx, subscription, "pause_requested");
  if (subscription.status !== "trialing") settleUp(tx, subscription, pause);
  if (pause.invoicing === "invoice") billPending(tx, paused);
  return tx.need("subscription", paused.id);
}

function assertCanPause({ schedule, status }: Subscription): void {
  if (schedule) throw invalidRequest("You cannot pause a subscription with an attached schedule.");
  if (status === "active" || status === "trialing") return;
  throw invalidRequest(`Only active subscriptions can be paused: this subscription's status is ${status}.`);
}

function settleUp(tx: Transaction, subscription: Subscription, { unusedFrom, usageThrough }: Pause): void {
  for (const item of subscription.items.data) {
    const { start, end } = periodOf(item);
    const unused = unusedFrom === "none" ? null : span(unusedFrom === "now" ? tx.now : start, end);
    for (const credit of creditFor(tx, subscription, item, unused)) insertProration(tx, subscription, credit);
    if (isMetered(item) && usageThrough === "now") insertUsage(tx, subscription, item);
  }
}

/** What has been used in the period so far, as an item for the next invoice. */
function insertUsage(tx: Transaction, subscription: Subscription, item: Item): void {
  const previous = { start: item.current_period_start, end: tx.now };
  const { amount, currency, description, period, pricing, quantity } = itemLine(tx, subscription, item, {
    previous,
  });
  if (amount === 0) return;
  insertInvoiceItem(tx, {
    amount,
    currency,
    customer: subscription.customer,
    description,
    parent: {
      subscription_details: { subscription: subscription.id, subscription_item: item.id },
      type: "subscription_details",
    },
    period,
    pricing: pricing as Kinds["invoiceitem"]["pricing"],
    quantity: quantity ?? 0,
    quantity_decimal: String(quantity ?? 0),
  });
}

function billPending(tx: Transaction, subscription: Subscription): void {
  const id = newId("in");
  tx.update("subscription", subscription.id, { latest_invoice: id }, "customer.subscription.updated");
  const draft = draftBill(tx, subscription, { id, billing_reason: "subscription_update", lines: [] });
  if (draft.collection_method === "charge_automatically") collectNow(tx, draft, "allow_incomplete");
}
