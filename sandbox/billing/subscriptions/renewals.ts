import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal, next, RENEWING } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { markUncollectible, voidInvoice } from "../invoices/endings.ts";
import { finalizeInvoice } from "../invoices/invoices.ts";
import { turnBefore } from "../schedules/turns.ts";
import { expireAwaitedBefore } from "./awaited-changes.ts";
import { cancelNow } from "./cancellation.ts";
import { foretellInvoice } from "./details.ts";
import { defaultMethod, draftBill } from "./invoices.ts";
import { type Item, nextPeriodEnd, periodFrom, periodOf } from "./items.ts";
import { itemLine } from "./lines.ts";
import { pausedBecause } from "./pausing.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** When a subscription next renews, in seconds; null when it does not, or ends before. */
export function renewsAt(subscription: Subscription): number | null {
  if (!RENEWING.includes(subscription.status)) return null;
  const end = nextPeriodEnd(subscription);
  return subscription.cancel_at !== null && subscription.cancel_at <= end ? null : end;
}

/** When a subscription ends as it was told to; null when it was not. */
export function endsAt({ cancel_at, status }: Subscription): number | null {
  return isFinal("subscription", status) ? null : cancel_at;
}

/**
 * Begins the next period of the items whose period is over, and drafts their invoice: the period moves
 * before money is asked for. A schedule that turns at this moment turns first, so that the new period is
 * billed as its new phase says. The end of a trial is a renewal too, unless nobody can be charged and
 * the subscription is to be paused or canceled then.
 * https://docs.stripe.com/billing/subscriptions/overview#renewals
 */
export function renew(tx: Transaction, { id }: Subscription): void {
  expireAwaitedBefore(tx, tx.need("subscription", id));
  turnBefore(tx, tx.need("subscription", id));
  const subscription = tx.need("subscription", id);
  if ((renewsAt(subscription) ?? Number.POSITIVE_INFINITY) > tx.now) return;
  const missing = subscription.trial_settings!.end_behavior.missing_payment_method;
  const mayGoOn = subscription.status !== "trialing" || missing === "create_invoice";
  if (mayGoOn || canBeCharged(tx, subscription)) beginPeriod(tx, subscription);
  else if (missing === "cancel") cancelNow(tx, subscription);
  else pausedBecause(tx, subscription, "trial_end_without_payment_method");
}

/** The invoice that the next renewal would make; null when it would make none. Nothing of it stays. */
export function invoiceOfRenewal(tx: Transaction, subscription: Subscription): Invoice | null {
  const at = renewsAt(subscription);
  if (at === null) return null;
  return tx.imagine(() => {
    renew(tx, subscription);
    const { latest_invoice } = tx.need("subscription", subscription.id);
    return latest_invoice === subscription.latest_invoice ? null : tx.need("invoice", latest_invoice!);
  }, at);
}

const canBeCharged = (tx: Transaction, subscription: Subscription): boolean =>
  subscription.collection_method === "send_invoice" || defaultMethod(tx, subscription) !== undefined;

/** Moves the periods that are over, and drafts what is billed for the new ones. */
function beginPeriod(tx: Transaction, before: Subscription): void {
  const id = newId("in");
  const { items, status } = before;
  const isOver = (item: Item) => item.current_period_end <= tx.now;
  const data = items.data.map((item) => (isOver(item) ? moved(before, item) : item));
  const after = tx.update(
    "subscription",
    before.id,
    {
      items: { ...items, data },
      latest_invoice: id,
      status: status === "trialing" ? next("subscription", status, "active") : status,
    },
    "customer.subscription.updated",
  );
  const lines = items.data.flatMap((item, index) =>
    isOver(item)
      ? [itemLine(tx, after, data[index]!, { previous: status === "trialing" ? null : periodOf(item) })]
      : [],
  );
  const period = periodOf(items.data.find(isOver)!);
  const draft = draftBill(tx, after, { id, billing_reason: "subscription_cycle", lines, period });
  foretellInvoice(tx, after);
  withheld(tx, after, draft);
}

function moved(subscription: Subscription, item: Item): Item {
  const { start, end } = periodFrom(subscription, item, item.current_period_end);
  return { ...item, current_period_start: start, current_period_end: end };
}

/** While collection is paused, invoices are kept as drafts, taken back, or written off. */
export function withheld(tx: Transaction, { pause_collection }: Subscription, draft: Invoice): Invoice {
  if (pause_collection?.behavior === "void") return voidInvoice(tx, draft);
  if (pause_collection?.behavior !== "mark_uncollectible") return draft;
  const open = finalizeInvoice(tx, draft);
  return open.status === "open" ? markUncollectible(tx, open, "subscription_paused") : open;
}
