import { isDeepStrictEqual } from "node:util";
import type { Kinds, SubscriptionDetails } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { voidInvoice } from "../invoices/endings.ts";
import { isUnderWay } from "../invoices/payments.ts";
import { changeDetails, detailsOf } from "./details.ts";
import { type Item, nextPeriodEnd } from "./items.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];
type Awaited = NonNullable<SubscriptionDetails["awaiting"]>;

/** A change that has to be paid for first is given up after this long. */
const AWAITED_SECONDS = 23 * 3600;

/** Lets a change of a subscription wait until an invoice has been paid. */
export function awaitPayment(
  tx: Transaction,
  subscription: Subscription,
  change: Omit<Awaited, "before" | "expires_at">,
): void {
  const expires_at = lastMoment(tx, subscription, change.of);
  const before = subscription.items.data;
  changeDetails(tx, subscription, { awaiting: { ...change, before, expires_at } });
}

/** A pending update does not outlast the period or the trial that it was asked in. */
function lastMoment(tx: Transaction, subscription: Subscription, of: Awaited["of"]): number {
  const latest = tx.now + AWAITED_SECONDS;
  if (of === "resumption") return latest;
  const ends = [nextPeriodEnd(subscription), subscription.trial_end ?? 0].filter((end) => end > tx.now);
  return Math.min(latest, ...ends);
}

/** The change that waits for this invoice. */
export function awaitedWith(tx: Transaction, subscription: Subscription, invoice: Invoice): Awaited | null {
  const { awaiting } = detailsOf(tx, subscription);
  return awaiting?.invoice === invoice.id ? awaiting : null;
}

/** The invoice has been paid: the change is made. */
export function applyAwaited(
  tx: Transaction,
  subscription: Subscription,
  { before, of, patch }: Awaited,
): Subscription {
  changeDetails(tx, subscription, { awaiting: null });
  const { items } = subscription;
  const data = patch.items ? changedItems(items.data, before, patch.items.data) : items.data;
  next("subscription", subscription.status, patch.status ?? subscription.status);
  const changed = tx.update(
    "subscription",
    subscription.id,
    {
      ...patch,
      items: { ...items, data },
      pending_update: null,
      ...(of === "resumption" && { status_details: undefined }),
    },
    "customer.subscription.updated",
  );
  if (of === "resumption") tx.emit("customer.subscription.resumed", changed);
  else if (subscription.pending_update) tx.emit("customer.subscription.pending_update_applied", changed);
  return changed;
}

/** What items have become in the meantime, with what the change makes different of them. */
function changedItems(current: Item[], before: Item[], wanted: Item[]): Item[] {
  const [were, becoming] = [byId(before), byId(wanted)];
  const kept = current.flatMap((item) => {
    const [was, will] = [were.get(item.id), becoming.get(item.id)];
    if (!was) return [item];
    return will ? [changedItem(item, was, will)] : [];
  });
  return [...kept, ...wanted.filter(({ id }) => !were.has(id))];
}

const byId = (items: Item[]) => new Map(items.map((item) => [item.id, item]));

function changedItem(current: Item, was: Item, will: Item): Item {
  const different = Object.entries(will).filter(
    ([name, value]) => !isDeepStrictEqual(value, was[name as keyof Item]),
  );
  return { ...current, ...Object.fromEntries(different) };
}

/** The invoice will not be paid: the change is not made. A paused subscription stays paused. */
export function dropAwaited(tx: Transaction, subscription: Subscription): void {
  changeDetails(tx, subscription, { awaiting: null });
  if (!subscription.pending_update) return;
  const dropped = tx.update(
    "subscription",
    subscription.id,
    { pending_update: null },
    "customer.subscription.updated",
  );
  tx.emit("customer.subscription.pending_update_expired", dropped);
}

/** A change whose time is over at the moment of a renewal lapses first: the new period is billed without it. */
export function expireAwaitedBefore(tx: Transaction, subscription: Subscription): void {
  const details = detailsOf(tx, subscription);
  if (details.awaiting && details.awaiting.expires_at <= tx.now) expireAwaited(tx, details);
}

/**
 * The time to pay for a change is over: its invoice is taken back, and with it the change. A payment
 * that a bank has under way is waited for.
 */
export function expireAwaited(tx: Transaction, { id, awaiting }: SubscriptionDetails): void {
  const subscription = tx.get("subscription", id);
  const invoice = tx.get("invoice", awaiting?.invoice ?? "");
  if (!subscription || (invoice && isUnderWay(tx, invoice))) return;
  if (invoice?.status === "open") voidInvoice(tx, invoice);
  else dropAwaited(tx, subscription);
}
