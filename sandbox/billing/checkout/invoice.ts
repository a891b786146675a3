import { newId } from "../../ids.ts";
import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { draftInvoice, finalizeInvoice, settleInvoice } from "../invoices/invoices.ts";
import { insertInvoiceItem } from "../invoices/items.ts";
import { itemAmount, pricingOf } from "./amounts.ts";
import { redeemed } from "./discounts.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];
type InvoiceItem = Kinds["invoiceitem"];

/**
 * Redeems what a session in payment mode was discounted by and, when it asks for an invoice, makes one
 * of what was paid: at Stripe it comes after the session is complete.
 * https://docs.stripe.com/receipts?payment-ui=checkout#paid-invoices
 */
export function invoiceAfterwards(tx: Transaction, session: Session): Session {
  if (session.mode !== "payment") return session;
  const discounts = redeemed(tx, session, { customer: session.customer, checkout_session: session.id });
  const { enabled, invoice_data: data } = session.invoice_creation!;
  if (!enabled || !session.customer) return session;
  const id = newId("in");
  const customer = tx.need("customer", session.customer, "customer");
  const { line_items } = tx.need("checkout_details", session.id);
  const payment = paymentOf(tx, session);
  const draft = draftInvoice(tx, {
    id,
    customer,
    subscription: null,
    currency: session.currency!,
    billing_reason: "manual",
    lines: [],
    items: [
      ...line_items.map((item) => invoiceItemOf(tx, item, customer.id)),
      ...notCaptured(tx, session, payment, customer.id),
    ],
    discounts: discounts.map((discount) => discount.id),
    metadata: data.metadata ?? {},
    description: data.description,
  });
  tx.update("invoice", id, { custom_fields: data.custom_fields, footer: data.footer });
  const open = finalizeInvoice(tx, tx.need("invoice", draft.id), payment);
  if (open.status === "open") settleInvoice(tx, open);
  return tx.update("checkout.session", session.id, { invoice: id });
}

const paymentOf = (tx: Transaction, { payment_intent }: Session) =>
  payment_intent ? tx.need("payment_intent", payment_intent) : null;

/** What a line item that is bought once puts on an invoice. */
function invoiceItemOf(tx: Transaction, item: LineItem, customer: string): InvoiceItem {
  const quantity = item.quantity ?? 1;
  return insertInvoiceItem(tx, {
    amount: itemAmount(tx, item),
    currency: item.currency,
    customer,
    description: item.description,
    metadata: item.metadata ?? {},
    period: { start: tx.now, end: tx.now },
    pricing: pricingOf(item),
    quantity,
    quantity_decimal: String(quantity),
  });
}

/** What was reserved and not captured takes its part off again: the invoice is for what was paid. */
function notCaptured(
  tx: Transaction,
  { amount_total, currency }: Session,
  payment: Kinds["payment_intent"] | null,
  customer: string,
): InvoiceItem[] {
  const amount = payment ? payment.amount_received - amount_total! : 0;
  if (amount === 0) return [];
  return [
    insertInvoiceItem(tx, {
      amount,
      currency: currency!,
      customer,
      description: "Not captured",
      discountable: false,
      period: { start: tx.now, end: tx.now },
    }),
  ];
}
