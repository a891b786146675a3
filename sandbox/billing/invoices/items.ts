import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { InvoiceLine } from "./lines.ts";

type InvoiceItem = Kinds["invoiceitem"];
type Given = Pick<InvoiceItem, "amount" | "currency" | "customer" | "period"> & Partial<InvoiceItem>;

/** A new invoice item (`invoiceitem.created`), pending unless it names an invoice. */
export function insertInvoiceItem(tx: Transaction, given: Given): InvoiceItem {
  const quantity = given.quantity ?? 1;
  const item = tx.insert("invoiceitem", {
    id: newId("ii"),
    object: "invoiceitem",
    customer_account: null,
    date: tx.now,
    description: null,
    discountable: true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: {},
    parent: null,
    pricing: null,
    proration: false,
    quantity,
    quantity_decimal: String(quantity),
    tax_rates: [],
    test_clock: tx.need("customer", given.customer, "customer").test_clock ?? null,
    ...given,
  });
  tx.emit("invoiceitem.created", item);
  return item;
}

/**
 * The items that wait for an invoice, newest first: of a subscription its own, and its customer's that
 * are for none; of a customer all.
 */
export function pendingItems(
  tx: Transaction,
  owner: Kinds["subscription"] | Kinds["customer"],
  currency = owner.currency,
): InvoiceItem[] {
  const customer = owner.object === "customer" ? owner.id : owner.customer;
  return [...tx.newest("invoiceitem", { index: "pending", key: customer })].filter((item) => {
    const subscription = item.parent?.subscription_details?.subscription;
    const isWanted = owner.object === "customer" || subscription === undefined || subscription === owner.id;
    return isWanted && item.currency === currency;
  });
}

/** Puts pending items on an invoice. */
export function claimItems(tx: Transaction, items: InvoiceItem[], invoice: string): void {
  for (const { id } of items) tx.update("invoiceitem", id, { invoice });
}

/** The line that an invoice item becomes. */
export function lineOfItem(item: InvoiceItem): InvoiceLine {
  return {
    id: newId("il"),
    object: "line_item",
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    discount_amounts: [],
    discountable: item.discountable,
    discounts: item.discounts ?? [],
    invoice: item.invoice,
    livemode: false,
    metadata: item.metadata ?? {},
    parent: parentOf(item),
    period: item.period,
    pretax_credit_amounts: [],
    pricing: item.pricing,
    quantity: item.quantity,
    quantity_decimal: item.quantity_decimal,
    subscription: item.parent?.subscription_details?.subscription ?? null,
    subtotal: item.amount,
    taxes: [],
  };
}

function parentOf(item: InvoiceItem): InvoiceLine["parent"] {
  const { subscription, subscription_item } = item.parent?.subscription_details ?? {};
  const proration_details = { credited_items: creditedLines(item) };
  if (subscription && subscription_item) {
    return {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: item.id,
        proration: item.proration,
        proration_details,
        subscription,
        subscription_item,
      },
      type: "subscription_item_details",
    };
  }
  return {
    invoice_item_details: {
      invoice_item: item.id,
      proration: item.proration,
      proration_details,
      subscription: subscription ?? null,
    },
    subscription_item_details: null,
    type: "invoice_item_details",
  };
}

type CreditedLines = { invoice: string; invoice_line_items: string[] };

/** The invoiced lines that a credit takes back. */
function creditedLines({ proration_details }: InvoiceItem): CreditedLines | null {
  return proration_details?.credited_items?.invoice_line_item_details ?? null;
}

/** The item that a line bills; null for the line of a subscription item. */
export function itemOfLine({ parent }: InvoiceLine): string | null {
  return (
    parent?.invoice_item_details?.invoice_item ?? parent?.subscription_item_details?.invoice_item ?? null
  );
}
