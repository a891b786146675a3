import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { cancelIntent } from "./intents.ts";
import type { InvoiceLine } from "./lines.ts";

type Invoice = Kinds["invoice"];

export interface InvoiceInput {
  customer: Kinds["customer"];
  subscription: Kinds["subscription"];
  billing_reason: NonNullable<Invoice["billing_reason"]>;
  lines: InvoiceLine[];
}

/** A new invoice, still a draft. */
export function draftInvoice(tx: Transaction, id: string, input: InvoiceInput): Invoice {
  const { customer, subscription, lines } = input;
  const total = lines.reduce((sum, line) => sum + line.amount, 0);
  const invoice = tx.insert("invoice", {
    id,
    object: "invoice",
    account_country: "US",
    account_name: "Sandbox",
    account_tax_ids: null,
    amount_due: total,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_paid_off_stripe: 0,
    amount_remaining: total,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: true,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: input.billing_reason,
    collection_method: "charge_automatically",
    created: tx.now,
    currency: subscription.currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: customer.shipping,
    customer_tax_exempt: customer.tax_exempt ?? "none",
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: "self" },
    last_finalization_error: null,
    latest_revision: null,
    lines: { object: "list", data: lines, has_more: false, url: `/v1/invoices/${id}/lines` },
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: "subscription_details",
    },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    // The first invoice looks back on nothing: its period is the moment the subscription starts.
    period_end: tx.now,
    period_start: tx.now,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: "draft",
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subtotal: total,
    subtotal_excluding_tax: total,
    test_clock: customer.test_clock ?? null,
    total,
    total_discount_amounts: [],
    total_excluding_tax: total,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  });
  tx.emit("invoice.created", invoice);
  return invoice;
}

/** Gives the invoice its number and opens it for payment through `intent`, when there is something to pay. */
export function finalizeInvoice(
  tx: Transaction,
  invoice: Invoice,
  intent: Kinds["payment_intent"] | null,
): Invoice {
  const customer = tx.need("customer", invoice.customer ?? "", "customer");
  const sequence = customer.next_invoice_sequence ?? 1;
  const url = `${tx.environment.baseUrl}/i/${invoice.id}`;
  // Nobody else sees the sequence move until the customer is next told of: Stripe sends no event for it alone.
  tx.update("customer", customer.id, { next_invoice_sequence: sequence + 1 });
  const open = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "open"),
    number: `${customer.invoice_prefix}-${String(sequence).padStart(4, "0")}`,
    effective_at: tx.now,
    ending_balance: 0,
    hosted_invoice_url: url,
    invoice_pdf: `${url}/pdf`,
    status_transitions: { ...invoice.status_transitions, finalized_at: tx.now },
  });
  if (intent) linkPayment(tx, open, intent);
  tx.emit("invoice.finalized", open);
  return open;
}

function linkPayment(tx: Transaction, invoice: Invoice, intent: Kinds["payment_intent"]): void {
  tx.insert("invoice_payment", {
    id: newId("inpay"),
    object: "invoice_payment",
    amount_paid: null,
    amount_requested: invoice.amount_due,
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

/** Marks the invoice paid: by its payment, or because nothing is due. */
export function settleInvoice(tx: Transaction, invoice: Invoice): Invoice {
  const isCharged = invoice.amount_due > 0;
  const paid = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "paid"),
    amount_paid: invoice.amount_due,
    amount_remaining: 0,
    attempt_count: isCharged ? invoice.attempt_count + 1 : 0,
    attempted: true,
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, paid_at: tx.now },
  });
  tx.emit("invoice.paid", paid);
  tx.emit("invoice.payment_succeeded", paid);
  const payment = tx.find("invoice_payment", "invoice", invoice.id);
  if (payment) {
    const settled = tx.update("invoice_payment", payment.id, {
      status: "paid",
      amount_paid: invoice.amount_due,
      status_transitions: { canceled_at: null, paid_at: tx.now },
    });
    tx.emit("invoice_payment.paid", settled);
  }
  return paid;
}

/** Counts a refused payment of an open invoice. */
export function failInvoicePayment(tx: Transaction, invoice: Invoice): Invoice {
  const failed = tx.update("invoice", invoice.id, {
    attempt_count: invoice.attempt_count + 1,
    attempted: true,
  });
  tx.emit("invoice.payment_failed", failed);
  return failed;
}

/** Says that the customer has to act before the invoice can be paid. */
export function requireInvoiceAction(tx: Transaction, invoice: Invoice): Invoice {
  const waiting = tx.update("invoice", invoice.id, { attempted: true });
  tx.emit("invoice.payment_action_required", waiting);
  return waiting;
}

/** Takes an unpaid invoice back, with the payment that was to pay it. */
export function voidInvoice(tx: Transaction, invoice: Invoice): Invoice {
  const voided = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "void"),
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, voided_at: tx.now },
  });
  tx.emit("invoice.voided", voided);
  for (const payment of tx.newest("invoice_payment", { index: "invoice", key: invoice.id })) {
    if (payment.status !== "open") continue;
    tx.update("invoice_payment", payment.id, {
      status: "canceled",
      status_transitions: { canceled_at: tx.now, paid_at: null },
    });
    const intent = payment.payment.payment_intent;
    if (intent) cancelIntent(tx, tx.need("payment_intent", intent), "void_invoice");
  }
  return voided;
}
