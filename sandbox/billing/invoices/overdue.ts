import type { InvoiceDetails, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { subscriptionInvoiceFailed } from "../subscriptions/payments.ts";
import { subscriptionOf } from "./invoices.ts";

type Invoice = Kinds["invoice"];

/** Plans to tell when an open invoice that was sent has not been paid by its due date. */
export function foretellOverdue(tx: Transaction, { id, due_date }: Invoice): void {
  if (due_date !== null) tx.insert("invoice_details", { id, invoice: id, overdue_at: due_date });
}

/** Tells that an invoice is overdue (`invoice.overdue`), if it is still open; its subscription is in arrears then. */
export function tellOverdue(tx: Transaction, details: InvoiceDetails): void {
  tx.insert("invoice_details", { ...details, overdue_at: null });
  const invoice = tx.get("invoice", details.invoice);
  if (invoice?.status !== "open") return;
  tx.emit("invoice.overdue", invoice);
  const subscription = subscriptionOf(tx, invoice);
  if (subscription) subscriptionInvoiceFailed(tx, subscription, invoice);
}
