import { redeem } from "../billing/catalogue/discounts.ts";
import { ownMethod } from "../billing/invoices/collection.ts";
import { dueDate } from "../billing/invoices/row.ts";
import { invalidParameter } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { metadata } from "../metadata.ts";
import {
  currency,
  flag,
  type Infer,
  integer,
  notYet,
  oneOf,
  text,
  timestamp,
  unsettable,
} from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { collectionMethod, customFields, discounts, noAutomaticTax } from "./common-params.ts";

type Invoice = Kinds["invoice"];

const fields = {
  account_tax_ids: notYet(),
  application_fee_amount: notYet(),
  auto_advance: flag,
  automatic_tax: noAutomaticTax,
  automatically_finalizes_at: timestamp,
  collection_method: collectionMethod,
  custom_fields: customFields,
  days_until_due: integer({ min: 0 }),
  default_payment_method: text(),
  default_source: notYet(),
  default_tax_rates: notYet(),
  description: unsettable(text({ max: 1500 })),
  discounts,
  due_date: timestamp,
  effective_at: timestamp,
  footer: unsettable(text()),
  issuer: notYet(),
  metadata,
  number: text({ max: 26 }),
  on_behalf_of: notYet(),
  payment_settings: notYet(),
  rendering: notYet(),
  shipping_cost: notYet(),
  shipping_details: notYet(),
  statement_descriptor: text({ max: 22 }),
  transfer_data: notYet(),
};

export const createParams = {
  ...fields,
  currency,
  customer: text(),
  customer_account: notYet(),
  from_invoice: notYet(),
  pending_invoice_items_behavior: oneOf("exclude", "include"),
  subscription: text(),
};

export const updateParams = fields;

type InvoiceFields = Infer<typeof fields>;

/** What a request says that changes no amounts, as an invoice shows it. */
export function shown(tx: Transaction, params: InvoiceFields, customer: string): Partial<Invoice> {
  const { custom_fields, default_payment_method, description, effective_at, footer, number } = params;
  if (default_payment_method) ownMethod(tx, customer, default_payment_method, "default_payment_method");
  return {
    ...(custom_fields !== undefined && { custom_fields }),
    ...(default_payment_method && { default_payment_method }),
    ...(description !== undefined && { description }),
    ...(effective_at !== undefined && { effective_at }),
    ...(footer !== undefined && { footer }),
    ...(number !== undefined && { number }),
    ...(params.statement_descriptor && { statement_descriptor: params.statement_descriptor }),
  };
}

/** When the invoice is due; refuses a date for one that is charged. */
export function dueBy(
  tx: Transaction,
  params: InvoiceFields,
  method: Invoice["collection_method"],
): number | null {
  const { days_until_due, due_date } = params;
  if (days_until_due !== undefined && due_date !== undefined) {
    throw invalidParameter(
      "due_date",
      "You may only specify one of these parameters: days_until_due, due_date.",
      "parameters_exclusive",
    );
  }
  if (method !== "send_invoice" && (days_until_due !== undefined || due_date !== undefined)) {
    throw invalidParameter(
      due_date === undefined ? "days_until_due" : "due_date",
      "You can only give a due date to an invoice whose collection_method is send_invoice.",
    );
  }
  if (due_date !== undefined && due_date < tx.now) {
    throw invalidParameter("due_date", "The due date must be in the future.");
  }
  return dueDate({ collection_method: method, days_until_due, due_date }, tx.now);
}

/** The ids of the discounts that an invoice's `discounts` become; undefined when nothing is said. */
export function redeemedFor(
  tx: Transaction,
  given: InvoiceFields["discounts"],
  invoice: { id: string; customer: string; currency: string; amount: number },
): string[] | undefined {
  if (given === undefined) return undefined;
  const { id, ...target } = invoice;
  return redeem(tx, given ?? [], { ...target, invoice: id }).map((discount) => discount.id);
}
