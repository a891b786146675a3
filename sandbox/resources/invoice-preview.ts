import { createCustomer } from "../billing/customers/customers.ts";
import { draftInvoice } from "../billing/invoices/invoices.ts";
import { insertInvoiceItem, pendingItems } from "../billing/invoices/items.ts";
import { previewInvoice } from "../billing/invoices/preview.ts";
import { assertPayable } from "../billing/payments/amounts.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { currency, decimal, flag, type Infer, integer, list, notYet, object, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { ImaginedTransaction, Transaction } from "../transaction.ts";
import { discounts, noAutomaticTax } from "./common-params.ts";
import { itemPatch, redeemed } from "./invoice-items.ts";
import { redeemedFor } from "./invoice-params.ts";
import { itemPrice, period, pricedBy } from "./item-params.ts";
import { previewedSubscription } from "./subscription-params.ts";
import { draftForPreview } from "./subscription-preview.ts";

type InvoiceItem = Kinds["invoiceitem"];

/** An item that only the preview has, or a change to a pending one that only the preview sees. */
const item = object({
  ...itemPrice,
  currency,
  description: text(),
  discountable: flag,
  discounts,
  invoiceitem: text(),
  metadata,
  period,
  price: text(),
  unit_amount: integer(),
  unit_amount_decimal: decimal,
});

const previewParams = {
  automatic_tax: noAutomaticTax,
  currency,
  customer: text(),
  customer_account: notYet(),
  customer_details: notYet(),
  discounts,
  invoice_items: list(item),
  issuer: notYet(),
  on_behalf_of: notYet(),
  preview_mode: notYet(),
  schedule: notYet(),
  schedule_details: notYet(),
  subscription: text(),
  subscription_details: previewedSubscription,
};

type Params = Infer<typeof previewParams>;
type Item = NonNullable<Params["invoice_items"]>[number];

/** Puts the items of a preview among those that are pending. */
function imagineItems(
  tx: ImaginedTransaction,
  items: Item[],
  owner: { customer: string; currency: string },
): void {
  for (const given of items) {
    const { invoiceitem, currency: _, price, unit_amount, ...rest } = given;
    const params = {
      ...rest,
      ...(price !== undefined && { pricing: { price } }),
      ...(unit_amount !== undefined && { unit_amount_decimal: String(unit_amount) }),
    };
    const money = given.currency ?? owner.currency;
    if (unit_amount !== undefined) assertPayable(unit_amount, money, "invoice_items");
    if (invoiceitem) changePending(tx, tx.need("invoiceitem", invoiceitem, "invoice_items"), params);
    else imagineItem(tx, params, { ...owner, currency: money });
  }
}

function changePending(
  tx: ImaginedTransaction,
  before: InvoiceItem,
  params: Parameters<typeof itemPatch>[2],
): void {
  tx.update("invoiceitem", before.id, itemPatch(tx, before, params));
}

function imagineItem(
  tx: ImaginedTransaction,
  params: Omit<Item, "invoiceitem" | "currency" | "price" | "unit_amount">,
  owner: { customer: string; currency: string },
): void {
  const priced = pricedBy(tx, params, owner.currency);
  if (!priced) throw invalidParameter("invoice_items", "Each item needs an amount or a price.");
  const id = newId("ii");
  insertInvoiceItem(tx, {
    ...priced,
    id,
    customer: owner.customer,
    description: params.description ?? priced.description,
    discountable: params.discountable ?? priced.amount >= 0,
    discounts: redeemed(tx, params.discounts, { id, ...owner, amount: priced.amount }),
    metadata: withMetadata({}, params.metadata),
    period: params.period ?? { start: tx.now, end: tx.now },
    quantity_decimal: String(priced.quantity),
  });
}

/** The invoice that a customer's pending items would make, with the items that the request adds. */
function previewItems(tx: Transaction, params: Params): Kinds["invoice"] {
  return previewInvoice(tx, (tx) => {
    const customer = params.customer
      ? tx.need("customer", params.customer, "customer")
      : createCustomer(tx, {});
    const newest = tx.find("invoiceitem", "pending", customer.id);
    const money =
      params.currency ??
      customer.currency ??
      newest?.currency ??
      params.invoice_items?.find((entry) => entry.currency)?.currency ??
      "usd";
    imagineItems(tx, params.invoice_items ?? [], { customer: customer.id, currency: money });
    const items = pendingItems(tx, customer, money);
    if (items.length === 0) {
      throw invalidRequest(`No upcoming invoices for customer: ${customer.id}`, {
        code: "invoice_upcoming_none",
      });
    }
    const id = newId("in");
    const amount = items.reduce((sum, entry) => sum + entry.amount, 0);
    const ids = redeemedFor(tx, params.discounts, { id, customer: customer.id, currency: money, amount });
    return draftInvoice(tx, {
      id,
      customer,
      subscription: null,
      billing_reason: "manual",
      currency: money,
      lines: [],
      items,
      ...(ids && { discounts: ids }),
    });
  });
}

function preview(tx: Transaction, params: Params): Kinds["invoice"] {
  if (!params.subscription && !params.subscription_details) return previewItems(tx, params);
  return previewInvoice(tx, (tx) =>
    draftForPreview(tx, params, (owner) => imagineItems(tx, params.invoice_items ?? [], owner)),
  );
}

export const invoicePreviewRoutes: Route[] = [
  route("POST", "/v1/invoices/create_preview", previewParams, preview),
];
