import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { cancelIntent, createIntent } from "../payments/intents.ts";

type Invoice = Kinds["invoice"];
type InvoicePayment = Kinds["invoice_payment"];
type Intent = Kinds["payment_intent"];

/** Says that this payment intent pays that invoice. */
export function linkPayment(tx: Transaction, invoice: Invoice, intent: Intent): InvoicePayment {
  return tx.insert("invoice_payment", {
    id: newId("inpay"),
    object: "invoice_payment",
    amount_paid: null,
    amount_requested: invoice.amount_remaining,
    created: tx.now,
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { payment_intent: intent.id, type: "payment_intent" },
    status: "open",
    status_transitions: { canceled_at: null, paid_at: null },
  });
}

/** The payment that is to pay the invoice. */
export function openPayment(tx: Transaction, invoice: Invoice): InvoicePayment | undefined {
  return [...tx.newest("invoice_payment", { index: "invoice", key: invoice.id })].find(
    ({ status }) => status === "open",
  );
}

/** Whether a bank has a payment of the invoice under way: until it decides, nobody else does. */
export function isUnderWay(tx: Transaction, invoice: Invoice): boolean {
  const intent = openPayment(tx, invoice)?.payment.payment_intent;
  return intent !== undefined && tx.get("payment_intent", intent)?.status === "processing";
}

/** Refuses what would take away from an invoice the payment that is under way. */
export function assertNotUnderWay(tx: Transaction, invoice: Invoice, what: string): void {
  if (!isUnderWay(tx, invoice)) return;
  throw invalidRequest(
    `You cannot ${what} while a payment of the invoice ${invoice.id} is processing. Wait until it has succeeded or failed.`,
  );
}

/** The payment intent through which an open invoice is paid: the one it has, or a new one. */
export function payable(tx: Transaction, invoice: Invoice): Intent {
  const known = openPayment(tx, invoice)?.payment.payment_intent;
  if (known) return tx.need("payment_intent", known);
  const intent = createIntent(tx, {
    amount: invoice.amount_remaining,
    currency: invoice.currency,
    customer: invoice.customer ?? "",
    description: descriptionOf(invoice),
    setup_future_usage: invoice.billing_reason === "subscription_create" ? "off_session" : null,
  });
  linkPayment(tx, invoice, intent);
  return intent;
}

function descriptionOf(invoice: Invoice): string {
  if (!invoice.parent) return `Payment for Invoice ${invoice.number}`;
  return invoice.billing_reason === "subscription_create" ? "Subscription creation" : "Subscription update";
}

/** Says that this payment will not pay its invoice any more: another may. */
export function closePayment(tx: Transaction, { id }: InvoicePayment): void {
  const status_transitions = { canceled_at: tx.now, paid_at: null };
  tx.update("invoice_payment", id, { status: "canceled", status_transitions });
}

/** Gives up the payments that were to pay an invoice, and their intents. */
export function releasePayments(tx: Transaction, invoice: Invoice): void {
  for (const payment of [...tx.newest("invoice_payment", { index: "invoice", key: invoice.id })]) {
    if (payment.status !== "open") continue;
    closePayment(tx, payment);
    const intent = payment.payment.payment_intent;
    if (intent) cancelIntent(tx, tx.need("payment_intent", intent), "void_invoice");
  }
}

/** Has the open payment of an invoice take what remains to be paid, after that has changed. */
export function adjustPayment(tx: Transaction, invoice: Invoice): void {
  const payment = openPayment(tx, invoice);
  if (!payment) return;
  const amount = invoice.amount_remaining;
  tx.update("invoice_payment", payment.id, { amount_requested: amount });
  tx.update("payment_intent", payment.payment.payment_intent ?? "", { amount });
}

/** The charge that paid an invoice. */
export function chargeOf(tx: Transaction, invoice: Invoice): Kinds["charge"] | undefined {
  const paid = [...tx.newest("invoice_payment", { index: "invoice", key: invoice.id })].find(
    ({ status }) => status === "paid",
  );
  const intent = tx.get("payment_intent", paid?.payment.payment_intent ?? "");
  return tx.get("charge", intent?.latest_charge ?? "");
}
