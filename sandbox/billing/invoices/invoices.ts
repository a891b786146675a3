import type { ApiError } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { stepOf } from "../../money.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { activeDiscounts, spendDiscounts, termsOf } from "../catalogue/discounts.ts";
import { balanceOf, moveCustomerBalance } from "../customers/customer-balance.ts";
import { shownTaxIds } from "../customers/tax-ids.ts";
import { chargeRefusal } from "../payments/amounts.ts";
import { nextPaymentAttempt } from "../subscriptions/dunning.ts";
import { recounted } from "../subscriptions/lines.ts";
import { subscriptionInvoiceFailed, subscriptionInvoicePaid } from "../subscriptions/payments.ts";
import { claimItems, lineOfItem } from "./items.ts";
import type { InvoiceLine } from "./lines.ts";
import { foretellOverdue } from "./overdue.ts";
import { linkPayment, openPayment, payable, releasePayments } from "./payments.ts";
import { customerFields, draftAmounts, type InvoiceInput, invoiceRow, linesOf } from "./row.ts";
import { type Due, dueOf, type Totals, totalsOf } from "./totals.ts";

type Invoice = Kinds["invoice"];

/** What lines come to with the discounts that they and the invoice have. */
export function priced(tx: Transaction, lines: InvoiceLine[], discounts: string[], currency: string): Totals {
  const ofLines = new Map(
    lines.flatMap((line) => line.discounts).map((id) => [id, termsOf(tx, id, currency)]),
  );
  return totalsOf(
    lines,
    discounts.map((id) => termsOf(tx, id, currency)),
    ofLines,
    stepOf(currency),
  );
}

/** A new invoice, still a draft (`invoice.created`). */
export function draftInvoice(tx: Transaction, input: InvoiceInput): Invoice {
  const { id = newId("in"), items = [] } = input;
  const lines = [...items.map(lineOfItem), ...input.lines];
  claimItems(tx, items, id);
  const owner = input.subscription ?? input.customer;
  const discounts = input.discounts ?? activeDiscounts(tx, owner, tx.now).map((discount) => discount.id);
  const totals = priced(tx, lines, discounts, input.currency);
  const balance = balanceOf(tx, input.customer, input.currency);
  const taxIds = shownTaxIds(tx, input.customer.id);
  const row = invoiceRow({ ...input, id, discounts }, { totals, balance, taxIds, now: tx.now });
  const invoice = tx.insert("invoice", row);
  tx.emit("invoice.created", invoice);
  spendDiscounts(tx, invoice);
  return invoice;
}

/** Gives a draft other lines or discounts, and works out anew what it comes to. */
export function reprice(
  tx: Transaction,
  invoice: Invoice,
  { lines = invoice.lines.data, discounts = invoice.discounts, ...rest }: Reprice,
): Invoice {
  const totals = priced(tx, lines, discounts, invoice.currency);
  const customer = tx.need("customer", invoice.customer ?? "", "customer");
  const balance = balanceOf(tx, customer, invoice.currency);
  const patch = {
    ...rest,
    discounts,
    lines: linesOf(invoice.id, totals.lines),
    ...draftAmounts(totals, balance, invoice.currency),
  };
  const after = tx.update("invoice", invoice.id, patch, "invoice.updated");
  spendDiscounts(tx, after);
  return after;
}

type Reprice = { lines?: InvoiceLine[]; discounts?: string[] } & Partial<
  Omit<Invoice, "lines" | "discounts">
>;

/**
 * Gives a draft its number, settles it against the customer's balance and opens it for payment. What
 * is due is paid through `intent`, or a payment intent that is made here; when nothing is due, it is
 * paid at once. An amount too small to charge is owed with the next invoice; with one that is too large
 * it stays a draft (`invoice.finalization_failed`).
 * @param intent one that was made, or paid, for what is due; the balance makes up for any difference
 */
export function finalizeInvoice(
  tx: Transaction,
  draft: Invoice,
  intent: Kinds["payment_intent"] | null = null,
): Invoice {
  const invoice = withLateUsage(tx, draft);
  const customer = tx.need("customer", invoice.customer ?? "", "customer");
  const balance = balanceOf(tx, customer, invoice.currency);
  const due = intent ? dueBy(intent, invoice, balance) : dueOf(invoice.total, balance, invoice.currency);
  const refusal =
    intent || due.amount_due === 0 ? undefined : chargeRefusal(due.amount_due, invoice.currency);
  if (refusal) return failFinalization(tx, invoice, refusal);
  const sequence = customer.next_invoice_sequence ?? 1;
  const url = `${tx.environment.baseUrl}/i/${invoice.id}`;
  // Nobody else sees the sequence move until the customer is next told of: Stripe sends no event for it alone.
  tx.update("customer", customer.id, { next_invoice_sequence: sequence + 1 });
  settleBalance(tx, invoice, balance, due);
  const open = tx.update("invoice", invoice.id, {
    ...customerFields(customer, shownTaxIds(tx, customer.id)),
    status: next("invoice", invoice.status, "open"),
    amount_due: due.amount_due,
    amount_remaining: due.amount_due,
    automatically_finalizes_at: null,
    number: invoice.number ?? `${customer.invoice_prefix}-${String(sequence).padStart(4, "0")}`,
    effective_at: invoice.effective_at ?? tx.now,
    starting_balance: balance,
    ending_balance: due.ending_balance,
    hosted_invoice_url: url,
    invoice_pdf: `${url}/pdf`,
    last_finalization_error: null,
    status_transitions: { ...invoice.status_transitions, finalized_at: tx.now },
  });
  if (intent) linkPayment(tx, open, intent);
  tx.emit("invoice.finalized", open);
  if (due.amount_due === 0) return settleInvoice(tx, open);
  if (!intent) payable(tx, open);
  foretellOverdue(tx, open);
  return open;
}

function withLateUsage(tx: Transaction, draft: Invoice): Invoice {
  const lines = recounted(tx, draft);
  return lines.every((line, index) => line === draft.lines.data[index])
    ? draft
    : reprice(tx, draft, { lines });
}

function failFinalization(tx: Transaction, draft: Invoice, { body }: ApiError): Invoice {
  const failed = tx.update("invoice", draft.id, {
    automatically_finalizes_at: null,
    last_finalization_error: body as Invoice["last_finalization_error"],
  });
  tx.emit("invoice.finalization_failed", failed);
  return failed;
}

function dueBy(
  { amount, amount_received, status }: Kinds["payment_intent"],
  { total }: Invoice,
  balance: number,
): Due {
  const amount_due = status === "succeeded" ? amount_received : amount;
  return { amount_due, ending_balance: balance + total - amount_due, too_small: 0 };
}

function settleBalance(tx: Transaction, invoice: Invoice, balance: number, due: Due): void {
  const { currency, id } = invoice;
  const customer = invoice.customer ?? "";
  const applied = due.ending_balance - due.too_small - balance;
  if (applied !== 0)
    moveCustomerBalance(tx, customer, { type: "applied_to_invoice", amount: applied, currency, invoice: id });
  if (due.too_small !== 0)
    moveCustomerBalance(tx, customer, {
      type: "invoice_too_small",
      amount: due.too_small,
      currency,
      invoice: id,
    });
}

/** How a payment of an invoice came about. */
export interface PaymentManner {
  /** Tried by the sandbox itself on schedule; only such attempts count after the first. */
  automatic?: boolean;
  /** Paid outside of Stripe: no charge. */
  outOfBand?: boolean;
}

const attempts = ({ attempt_count }: Invoice, automatic = false) =>
  automatic ? attempt_count + 1 : Math.max(attempt_count, 1);

/** Marks the invoice paid (by its payment, or because nothing is due) and tells its subscription. */
export function settleInvoice(
  tx: Transaction,
  invoice: Invoice,
  { automatic, outOfBand = false }: PaymentManner = {},
): Invoice {
  const isCharged = invoice.amount_remaining > 0 && !outOfBand;
  const paid = tx.update("invoice", invoice.id, {
    status: next("invoice", invoice.status, "paid"),
    amount_paid: invoice.amount_paid + invoice.amount_remaining,
    amount_paid_off_stripe: outOfBand ? invoice.amount_remaining : 0,
    amount_remaining: 0,
    attempt_count: isCharged ? attempts(invoice, automatic) : invoice.attempt_count,
    attempted: true,
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, paid_at: tx.now },
  });
  tx.emit("invoice.paid", paid);
  if (!outOfBand) tx.emit("invoice.payment_succeeded", paid);
  if (isCharged) settlePayment(tx, paid, invoice.amount_remaining);
  else releasePayments(tx, paid);
  const subscription = subscriptionOf(tx, paid);
  if (subscription) subscriptionInvoicePaid(tx, subscription, paid);
  return paid;
}

function settlePayment(tx: Transaction, invoice: Invoice, amount: number): void {
  const payment = openPayment(tx, invoice);
  if (!payment) return;
  const settled = tx.update("invoice_payment", payment.id, {
    status: "paid",
    amount_paid: amount,
    status_transitions: { canceled_at: null, paid_at: tx.now },
  });
  tx.emit("invoice_payment.paid", settled);
}

/** The subscription that an invoice bills. */
export function subscriptionOf(tx: Transaction, invoice: Invoice): Kinds["subscription"] | undefined {
  return tx.get("subscription", invoice.parent?.subscription_details?.subscription ?? "");
}

/**
 * Counts a refused payment of an open invoice, plans the next one, and tells the subscription.
 * Someone else's tries, after the first, leave the schedule alone.
 */
export function failInvoicePayment(
  tx: Transaction,
  invoice: Invoice,
  { automatic }: PaymentManner = {},
): Invoice {
  const attempt_count = attempts(invoice, automatic);
  const isScheduled = attempt_count > invoice.attempt_count;
  const failed = tx.update("invoice", invoice.id, {
    attempt_count,
    attempted: true,
    ...(isScheduled && { next_payment_attempt: nextPaymentAttempt(tx, invoice, attempt_count) }),
  });
  tx.emit("invoice.payment_failed", failed);
  const subscription = subscriptionOf(tx, invoice);
  if (subscription) subscriptionInvoiceFailed(tx, subscription, failed);
  return tx.need("invoice", invoice.id);
}

/** Says that the customer has to act before the invoice can be paid; on schedule, that is a failed try. */
export function requireInvoiceAction(
  tx: Transaction,
  invoice: Invoice,
  { automatic = false }: PaymentManner = {},
): Invoice {
  const attempt_count = invoice.attempt_count + (automatic ? 1 : 0);
  const waiting = tx.update("invoice", invoice.id, {
    attempt_count,
    attempted: true,
    ...(automatic && { next_payment_attempt: nextPaymentAttempt(tx, invoice, attempt_count) }),
  });
  tx.emit("invoice.payment_action_required", waiting);
  const subscription = subscriptionOf(tx, waiting);
  if (subscription) subscriptionInvoiceFailed(tx, subscription, waiting);
  return tx.need("invoice", invoice.id);
}
