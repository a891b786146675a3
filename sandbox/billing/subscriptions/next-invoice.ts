import { ApiError } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";
import { cancelDraft, endAsPlanned } from "./cancellation.ts";
import { draftOfChange, type SubscriptionChanges } from "./changes.ts";
import { endsAt, invoiceOfRenewal, renewsAt } from "./renewals.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** The invoice that comes next: of the renewal, or the last one when there is still something to bill. */
export function nextInvoice(tx: Transaction, subscription: Subscription): Invoice {
  const invoice =
    renewsAt(subscription) === null ? lastInvoice(tx, subscription) : invoiceOfRenewal(tx, subscription);
  if (invoice) return invoice;
  throw noneUpcoming(subscription.customer);
}

function lastInvoice(tx: Transaction, subscription: Subscription): Invoice | null {
  const at = endsAt(subscription);
  if (at === null) return null;
  return tx.imagine(() => {
    endAsPlanned(tx, subscription);
    const { latest_invoice } = tx.need("subscription", subscription.id);
    return latest_invoice === subscription.latest_invoice ? null : tx.need("invoice", latest_invoice!);
  }, at);
}

/** Stripe's answer when nothing is going to be invoiced. */
export function noneUpcoming(customer: string): ApiError {
  return new ApiError(404, {
    type: "invalid_request_error",
    code: "invoice_upcoming_none",
    message: `No upcoming invoices for customer: ${customer}`,
  });
}

/** The invoice that a change makes at once, or else the one that comes next after it. */
export function invoiceAfterChange(
  tx: ImaginedTransaction,
  subscription: Subscription,
  changes: SubscriptionChanges,
): Invoice {
  const draft = draftOfChange(tx, subscription, changes);
  return draft ?? nextInvoice(tx, tx.need("subscription", subscription.id));
}

/** The last invoice when a subscription is canceled now. */
export function invoiceAfterCancel(
  tx: ImaginedTransaction,
  subscription: Subscription,
  prorates: boolean,
): Invoice {
  const draft = cancelDraft(tx, subscription, prorates);
  if (!draft) throw noneUpcoming(subscription.customer);
  return draft;
}
