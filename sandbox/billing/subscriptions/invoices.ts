import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { draftInvoice } from "../invoices/invoices.ts";
import { pendingItems } from "../invoices/items.ts";
import type { InvoiceLine } from "../invoices/lines.ts";
import type { Period } from "./periods.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** What an invoice of a subscription is made of, besides the items that wait for it. */
interface Bill {
  id: string;
  billing_reason: "subscription_create" | "subscription_cycle" | "subscription_update";
  lines: InvoiceLine[];
  /** What it looks back on. */
  period?: Period;
}

/** Whether the subscription's invoices are finalized and collected by themselves. */
const advances = ({ status, pause_collection }: Subscription) =>
  status !== "unpaid" && pause_collection?.behavior !== "keep_as_draft";

/** Drafts an invoice of a subscription: pending items first, then the lines of the bill. */
export function draftBill(tx: Transaction, subscription: Subscription, bill: Bill): Invoice {
  const { collection_method, currency, customer, days_until_due } = subscription;
  return draftInvoice(tx, {
    ...bill,
    customer: tx.need("customer", customer, "customer"),
    subscription,
    currency,
    items: pendingItems(tx, subscription).reverse(),
    collection_method,
    days_until_due: days_until_due ?? undefined,
    auto_advance: advances(subscription),
  });
}

/** The method that a subscription is charged to: its own, or its customer's. */
export function defaultMethod(
  tx: Transaction,
  { customer, default_payment_method }: Pick<Subscription, "customer" | "default_payment_method">,
): Kinds["payment_method"] | undefined {
  const id = default_payment_method ?? tx.get("customer", customer)?.invoice_settings.default_payment_method;
  return id ? tx.get("payment_method", id) : undefined;
}
