import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { formatMoney } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";
import { moveCustomerBalance } from "../customers/customer-balance.ts";
import { createRefund } from "../payments/refunds.ts";
import { type CreditLine, type CreditLineInput, creditLine } from "./credit-lines.ts";
import { settleInvoice } from "./invoices.ts";
import { adjustPayment, assertNotUnderWay, chargeOf } from "./payments.ts";
import { dueOf } from "./totals.ts";

type CreditNote = Kinds["credit_note"];
type Invoice = Kinds["invoice"];

/** What a credit note is made from. */
interface CreditInput {
  /** The whole, in minor units; or `lines`. */
  amount?: number | undefined;
  lines?: CreditLineInput[] | undefined;
  /** Where what was paid already goes back to: together it is exactly that. */
  refund_amount?: number | undefined;
  credit_amount?: number | undefined;
  out_of_band_amount?: number | undefined;
  /** Refunds that were made already. */
  refunds?: { refund: string; amount_refunded?: number | undefined }[] | undefined;
  effective_at?: number | undefined;
  memo?: string | undefined;
  metadata?: Record<string, string>;
  reason?: CreditNote["reason"] | undefined;
}

/**
 * Takes back some of a finalized invoice (`credit_note.created`): first what is still to be paid, then
 * what was paid, by refund, credit or outside of Stripe. https://docs.stripe.com/invoicing/credit-notes
 */
export function createCreditNote(tx: Transaction, invoice: Invoice, input: CreditInput): CreditNote {
  const id = newId("cn");
  const lines = linesOf(tx, invoice, input);
  const { amount } = totalsOf(lines);
  assertCreditable(tx, invoice, input, amount);
  const pre = Math.min(amount, invoice.amount_remaining);
  const post = amount - pre;
  if (pre > 0) assertNotUnderWay(tx, invoice, "credit what is still to be paid");
  assertGoesSomewhere(tx, invoice, input, post);
  const refunds = refundsOf(tx, invoice, input);
  const credit = creditOf(tx, invoice, id, input.credit_amount ?? 0);
  applyTo(tx, invoice, pre, post);
  const note = tx.insert("credit_note", {
    ...blankNote(tx, invoice, id),
    ...totalsOf(lines),
    customer_balance_transaction: credit,
    effective_at: input.effective_at ?? tx.now,
    lines: { object: "list", data: lines, has_more: false, url: `/v1/credit_notes/${id}/lines` },
    memo: input.memo ?? null,
    metadata: input.metadata ?? {},
    out_of_band_amount: input.out_of_band_amount ?? null,
    post_payment_amount: post,
    pre_payment_amount: pre,
    reason: input.reason ?? null,
    refunds,
    type: typeOf(pre, post),
  });
  tx.emit("credit_note.created", note);
  return note;
}

/** What every new note of an invoice has. */
const blankNote = (tx: Transaction, invoice: Invoice, id: string) => ({
  id,
  object: "credit_note" as const,
  amount_shipping: 0,
  created: tx.now,
  currency: invoice.currency,
  customer: invoice.customer ?? "",
  customer_account: null,
  invoice: invoice.id,
  livemode: false,
  number: numberOf(tx, invoice),
  pdf: `${tx.environment.baseUrl}/credit_notes/${id}/pdf`,
  shipping_cost: null,
  status: "issued" as const,
  total_taxes: [],
  voided_at: null,
});

/** What the lines of a note come to. */
function totalsOf(lines: CreditLine[]) {
  const sum = (name: "amount" | "discount_amount") => lines.reduce((total, line) => total + line[name], 0);
  const amount = sum("amount") - sum("discount_amount");
  const discount_amounts = merged(lines.flatMap((line) => line.discount_amounts));
  return {
    amount,
    discount_amount: sum("discount_amount"),
    discount_amounts,
    pretax_credit_amounts: discount_amounts.map((part) => ({ ...part, type: "discount" as const })),
    subtotal: sum("amount"),
    subtotal_excluding_tax: sum("amount"),
    total: amount,
    total_excluding_tax: amount,
  };
}

function linesOf(tx: Transaction, invoice: Invoice, { amount, lines }: CreditInput) {
  if ((amount === undefined) === (lines === undefined)) {
    throw invalidRequest("You must pass exactly one of amount and lines.", {
      param: amount === undefined ? "amount" : "lines",
    });
  }
  if (lines) return lines.map((line) => creditLine(tx, invoice, line));
  return [creditLine(tx, invoice, { type: "custom_line_item", unit_amount_decimal: String(amount) })];
}

function merged(parts: { amount: number; discount: string }[]): { amount: number; discount: string }[] {
  const ids = [...new Set(parts.map(({ discount }) => discount))];
  return ids.map((discount) => ({
    amount: parts.filter((part) => part.discount === discount).reduce((sum, part) => sum + part.amount, 0),
    discount,
  }));
}

const typeOf = (pre: number, post: number) =>
  pre > 0 && post > 0 ? "mixed" : post > 0 ? "post_payment" : "pre_payment";

const notesOf = (tx: Transaction, invoice: Invoice) => [
  ...tx.newest("credit_note", { index: "invoice", key: invoice.id }),
];

function numberOf(tx: Transaction, invoice: Invoice): string {
  return `${invoice.number}-CN-${String(notesOf(tx, invoice).length + 1).padStart(2, "0")}`;
}

/** Refuses invoices that cannot be credited, and more than is left of them. */
function assertCreditable(tx: Transaction, invoice: Invoice, input: CreditInput, amount: number): void {
  if (invoice.status === "draft" || invoice.status === "void") {
    throw invalidRequest(
      `You can only create a credit note for a finalized invoice; this one is ${invoice.status}.`,
      { param: "invoice" },
    );
  }
  const linked = new Set((input.refunds ?? []).map(({ refund }) => refund));
  const credited = invoice.pre_payment_credit_notes_amount + invoice.post_payment_credit_notes_amount;
  const left = invoice.total - credited - refundedElsewhere(tx, invoice, linked);
  if (amount > 0 && amount <= left) return;
  const [wanted, most] = [formatMoney(amount, invoice.currency), formatMoney(left, invoice.currency)];
  throw invalidRequest(
    `The credit note's amount (${wanted}) must be above zero and at most what is left of the invoice (${most}).`,
    { param: "amount" },
  );
}

/** What was refunded of an invoice's payment, but by none of its credit notes. */
function refundedElsewhere(tx: Transaction, invoice: Invoice, linked: Set<string>): number {
  const charge = chargeOf(tx, invoice);
  if (!charge) return 0;
  const known = new Set([
    ...linked,
    ...notesOf(tx, invoice).flatMap((note) => note.refunds.map(({ refund }) => refund)),
  ]);
  return [...tx.newest("refund", { index: "charge", key: charge.id })]
    .filter(({ id, status }) => !known.has(id) && status !== "failed" && status !== "canceled")
    .reduce((sum, refund) => sum + refund.amount, 0);
}

function assertGoesSomewhere(tx: Transaction, invoice: Invoice, input: CreditInput, post: number): void {
  const { credit_amount = 0, out_of_band_amount = 0, refund_amount = 0, refunds = [] } = input;
  const linked = refunds.reduce(
    (sum, { amount_refunded, refund }) =>
      sum + (amount_refunded ?? tx.need("refund", refund, "refunds").amount),
    0,
  );
  const given = credit_amount + out_of_band_amount + refund_amount + linked;
  if (given === post) return;
  const money = (amount: number) => formatMoney(amount, invoice.currency);
  throw invalidRequest(
    `The sum of credit amount, refund amount and out of band amount (${money(given)}) must equal the post payment amount of the credit note (${money(post)}).`,
  );
}

function refundsOf(tx: Transaction, invoice: Invoice, input: CreditInput): CreditNote["refunds"] {
  const entry = (refund: string, amount_refunded: number) =>
    ({ amount_refunded, payment_record_refund: null, refund, type: "refund" }) as const;
  const charge = chargeOf(tx, invoice);
  const linked = (input.refunds ?? []).map(({ refund: id, amount_refunded }) => {
    const refund = tx.need("refund", id, "refunds");
    if (refund.charge !== charge?.id || (amount_refunded ?? 0) > refund.amount) {
      throw invalidRequest(`The refund ${id} does not pay back that much of this invoice.`, {
        param: "refunds",
      });
    }
    return entry(id, amount_refunded ?? refund.amount);
  });
  if (!input.refund_amount) return linked;
  if (!charge) throw invalidRequest("This invoice has no payment to refund.", { param: "refund_amount" });
  const refund = createRefund(tx, { charge, amount: input.refund_amount });
  return [...linked, entry(refund.id, refund.amount)];
}

function creditOf(tx: Transaction, invoice: Invoice, note: string, amount: number): string | null {
  if (amount === 0) return null;
  const { currency } = invoice;
  const movement = {
    type: "credit_note",
    amount: -amount,
    currency,
    credit_note: note,
    invoice: invoice.id,
  } as const;
  return moveCustomerBalance(tx, invoice.customer ?? "", movement).id;
}

/** What the invoice shows of it; one with nothing left to pay is paid, and too little is owed with the next one. */
function applyTo(tx: Transaction, invoice: Invoice, pre: number, post: number): void {
  const { currency, id } = invoice;
  const left = invoice.amount_remaining - pre;
  const { too_small } = dueOf(left, 0, currency);
  const after = tx.update(
    "invoice",
    invoice.id,
    {
      amount_due: invoice.amount_due - pre - too_small,
      amount_remaining: left - too_small,
      ending_balance: (invoice.ending_balance ?? 0) + too_small,
      pre_payment_credit_notes_amount: invoice.pre_payment_credit_notes_amount + pre,
      post_payment_credit_notes_amount: invoice.post_payment_credit_notes_amount + post,
    },
    "invoice.updated",
  );
  if (pre === 0) return;
  if (too_small !== 0)
    moveCustomerBalance(tx, invoice.customer ?? "", {
      type: "invoice_too_small",
      amount: too_small,
      currency,
      invoice: id,
    });
  if (after.amount_remaining === 0) settleInvoice(tx, after);
  else adjustPayment(tx, after);
}

/** Takes a credit note back while its invoice is still to be paid (`credit_note.voided`). */
export function voidCreditNote(tx: Transaction, note: CreditNote): CreditNote {
  const invoice = tx.need("invoice", note.invoice);
  if (note.status === "void") throw invalidRequest("This credit note has already been voided.");
  if (invoice.status !== "open" || note.post_payment_amount > 0) {
    throw invalidRequest("You can only void a credit note whose invoice is open.");
  }
  assertNotUnderWay(tx, invoice, "void a credit note");
  const voided = tx.update("credit_note", note.id, { status: "void", voided_at: tx.now });
  applyTo(tx, invoice, -note.pre_payment_amount, 0);
  tx.emit("credit_note.voided", voided);
  return voided;
}
