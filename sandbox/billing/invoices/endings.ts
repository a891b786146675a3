import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { moveCustomerBalance } from "../customers/customer-balance.ts";
import { subscriptionInvoiceClosed } from "../subscriptions/payments.ts";
import { subscriptionOf } from "./invoices.ts";
import { releasePayments } from "./payments.ts";

type Invoice = Kinds["invoice"];

/** Takes an unpaid invoice back, with the payment that was to pay it; the credit it used is given back. */
export function voidInvoice(tx: Transaction, invoice: Invoice): Invoice {
  const voided = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "void"),
    auto_advance: false,
    automatically_finalizes_at: null,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, voided_at: tx.now },
  });
  tx.emit("invoice.voided", voided);
  releasePayments(tx, voided);
  const applied = invoice.ending_balance === null ? 0 : invoice.ending_balance - invoice.starting_balance;
  if (applied !== 0 && tx.get("customer", invoice.customer ?? ""))
    moveCustomerBalance(tx, invoice.customer!, {
      type: "unapplied_from_invoice",
      amount: -applied,
      currency: invoice.currency,
      invoice: invoice.id,
    });
  const subscription = subscriptionOf(tx, voided);
  if (subscription) subscriptionInvoiceClosed(tx, subscription, voided);
  return voided;
}

type UncollectibleReason = NonNullable<
  NonNullable<NonNullable<Invoice["status_details"]>["uncollectible"]>["reason"]
>;

/** Writes an open invoice off; it may still be paid. */
export function markUncollectible(tx: Transaction, invoice: Invoice, reason: UncollectibleReason): Invoice {
  const marked = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "uncollectible"),
    auto_advance: false,
    next_payment_attempt: null,
    status_details: { uncollectible: { reason } },
    status_transitions: { ...invoice.status_transitions, marked_uncollectible_at: tx.now },
  });
  tx.emit("invoice.marked_uncollectible", marked);
  const subscription = subscriptionOf(tx, marked);
  if (subscription) subscriptionInvoiceClosed(tx, subscription, marked);
  return marked;
}

/** Ends the collection of an invoice by itself, if it goes on: it stays what it is until somebody acts. */
export function stopCollecting(tx: Transaction, invoice: Invoice): void {
  const isGoingOn = invoice.status === "draft" || invoice.status === "open";
  if (!isGoingOn || !invoice.auto_advance) return;
  const stopped = { auto_advance: false, automatically_finalizes_at: null, next_payment_attempt: null };
  tx.update("invoice", invoice.id, stopped, "invoice.updated");
}
