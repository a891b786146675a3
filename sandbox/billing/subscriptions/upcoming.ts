import type { SubscriptionDetails } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { asUpcoming } from "../invoices/preview.ts";
import { changeDetails } from "./details.ts";
import { invoiceOfRenewal } from "./renewals.ts";

/** Tells of the invoice that the next renewal will make (`invoice.upcoming`), if there is to be one. */
export function tellInvoice(tx: Transaction, { id }: SubscriptionDetails): void {
  const subscription = tx.get("subscription", id);
  if (!subscription) return;
  changeDetails(tx, subscription, { upcoming_at: null });
  const invoice = invoiceOfRenewal(tx, subscription);
  if (invoice) tx.emit("invoice.upcoming", asUpcoming(invoice));
}
