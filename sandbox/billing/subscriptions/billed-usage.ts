import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { Item } from "./items.ts";
import type { Period } from "./periods.ts";

type Subscription = Kinds["subscription"];
type InvoiceItem = Kinds["invoiceitem"];

/**
 * The part of a period whose usage is still to be billed: a pause may have billed it up to its own
 * moment. What is used is billed once.
 */
export function unbilled(tx: Transaction, subscription: Subscription, item: Item, period: Period): Period {
  let { start } = period;
  for (const billed of itemsSince(tx, subscription, period.start)) {
    if (isUsageOf(billed, item)) start = Math.max(start, Math.min(billed.period.end, period.end));
  }
  return { ...period, start };
}

/** The items that wait for an invoice, and those on the invoices since a moment; what was taken back bills nothing. */
function* itemsSince(
  tx: Transaction,
  { id, customer }: Subscription,
  moment: number,
): Generator<InvoiceItem> {
  yield* tx.newest("invoiceitem", { index: "pending", key: customer });
  for (const invoice of tx.newest("invoice", { index: "subscription", key: id })) {
    if (invoice.created < moment) return;
    if (invoice.status !== "void") yield* tx.newest("invoiceitem", { index: "invoice", key: invoice.id });
  }
}

const isUsageOf = ({ parent, pricing, proration }: InvoiceItem, { id, price }: Item): boolean =>
  !proration &&
  parent?.subscription_details?.subscription_item === id &&
  pricing?.price_details?.price === price.id;
