import type { Kinds, SubscriptionDetails } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { voidInvoice } from "../invoices/invoices.ts";
import { changeDetails, detailsOf } from "./subscription-details.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];
export type Awaited = NonNullable<SubscriptionDetails["awaiting"]>;

/** A change that has to be paid for first is given up after this long. */
export const AWAITED_SECONDS = 23 * 3600;

/** Lets a change of a subscription wait until an invoice has been paid. */
export function awaitPayment(
  tx: Transaction,
  subscription: Subscription,
  change: Omit<Awaited, "expires_at">,
): void {
  changeDetails(tx, subscription, { awaiting: { ...change, expires_at: tx.now + AWAITED_SECONDS } });
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
  { of, patch }: Awaited,
): Subscription {
  changeDetails(tx, subscription, { awaiting: null });
  next("subscription", subscription.status, patch.status ?? subscription.status);
  const changed = tx.update(
    "subscription",
    subscription.id,
    { ...patch, pending_update: null, ...(of === "resumption" && { status_details: undefined }) },
    "customer.subscription.updated",
  );
  if (of === "resumption") tx.emit("customer.subscription.resumed", changed);
  else if (subscription.pending_update) tx.emit("customer.subscription.pending_update_applied", changed);
  return changed;
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

/** The time to pay for a change is over: its invoice is taken back, and with it the change. */
export function expireAwaited(tx: Transaction, { id, awaiting }: SubscriptionDetails): void {
  const subscription = tx.get("subscription", id);
  const invoice = tx.get("invoice", awaiting?.invoice ?? "");
  if (!subscription) return;
  if (invoice?.status === "open") voidInvoice(tx, invoice);
  else dropAwaited(tx, subscription);
}
