import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { fractionOf, multiply, split, stepOf } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";
import { lineOf } from "./draft-items.ts";

type Invoice = Kinds["invoice"];
export type CreditLine = Kinds["credit_note"]["lines"]["data"][number];

/** One line that a credit note is asked to have. */
export interface CreditLineInput {
  type: "custom_line_item" | "invoice_line_item";
  amount?: number | undefined;
  description?: string | undefined;
  invoice_line_item?: string | undefined;
  metadata?: Record<string, string>;
  quantity?: number | undefined;
  unit_amount_decimal?: string | undefined;
}

/** A credit note's line: what it takes back of an invoice's line, with that part of its discounts, or anything else. */
export function creditLine(tx: Transaction, invoice: Invoice, input: CreditLineInput): CreditLine {
  return input.type === "invoice_line_item" ? ofInvoiceLine(tx, invoice, input) : custom(input);
}

function ofInvoiceLine(tx: Transaction, invoice: Invoice, input: CreditLineInput): CreditLine {
  const { invoice_line_item, quantity } = input;
  if (!invoice_line_item) throw refused("An invoice_line_item is required for lines of that type.");
  if (input.unit_amount_decimal !== undefined || input.description !== undefined) {
    throw refused("description and unit_amount are only for lines of type custom_line_item.");
  }
  const line = lineOf(invoice, invoice_line_item);
  const left = line.amount - creditedOf(tx, invoice, line.id);
  const unit = line.pricing?.unit_amount_decimal ?? String(line.amount);
  const amount = input.amount ?? (quantity === undefined ? left : multiply(unit, quantity));
  if (amount > left || amount < 0) {
    throw refused(`The line item ${line.id} has ${left} left to credit; ${amount} is asked for.`);
  }
  const discounts = line.discount_amounts ?? [];
  const step = stepOf(invoice.currency);
  const whole = discounts.reduce((sum, part) => sum + part.amount, 0);
  const discount_amount = line.amount === 0 ? 0 : fractionOf(whole, amount, line.amount, step);
  const parts = split(
    discount_amount,
    discounts.map((part) => part.amount),
    step,
  );
  const discount_amounts = discounts.map(({ discount }, index) => ({ amount: parts[index]!, discount }));
  return {
    ...blank(),
    amount,
    description: line.description,
    discount_amount,
    discount_amounts,
    invoice_line_item,
    metadata: input.metadata ?? {},
    pretax_credit_amounts: discount_amounts.map((part) => ({ ...part, type: "discount" as const })),
    quantity: quantity ?? null,
    type: "invoice_line_item",
    unit_amount: null,
    unit_amount_decimal: null,
  };
}

/** What earlier credit notes have taken back of an invoice's line. */
function creditedOf(tx: Transaction, invoice: Invoice, line: string): number {
  return [...tx.newest("credit_note", { index: "invoice", key: invoice.id })]
    .filter(({ status }) => status === "issued")
    .flatMap((note) => note.lines.data)
    .filter((entry) => entry.invoice_line_item === line)
    .reduce((sum, entry) => sum + entry.amount, 0);
}

function custom({ description, invoice_line_item, quantity = 1, ...input }: CreditLineInput): CreditLine {
  if (invoice_line_item || input.amount !== undefined) {
    throw refused("invoice_line_item and amount are only for lines of type invoice_line_item.");
  }
  const unit = input.unit_amount_decimal;
  if (unit === undefined) throw refused("A unit_amount is required for lines of type custom_line_item.");
  return {
    ...blank(),
    amount: multiply(unit, quantity),
    description: description ?? null,
    discount_amount: 0,
    discount_amounts: [],
    metadata: input.metadata ?? {},
    pretax_credit_amounts: [],
    quantity,
    type: "custom_line_item",
    unit_amount: unit.includes(".") ? null : Number(unit),
    unit_amount_decimal: unit,
  };
}

const blank = () => ({
  id: newId("cnli"),
  object: "credit_note_line_item" as const,
  livemode: false,
  tax_rates: [],
  taxes: [],
});

const refused = (message: string) => invalidRequest(message, { param: "lines" });
