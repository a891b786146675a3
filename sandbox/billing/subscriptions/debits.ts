import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { Period } from "./periods.ts";
import type { Item } from "./subscription-items.ts";

type Subscription = Kinds["subscription"];
type InvoiceItem = Kinds["invoiceitem"];
type Invoice = Kinds["invoice"];
type CreditedItems = NonNullable<InvoiceItem["proration_details"]>["credited_items"];

/** Something that was debited for an item, and the part of its time that is looked at. */
export interface Debit {
  /** In minor units, after discounts. */
  net: number;
  /** The time that it was debited for. */
  whole: Period;
  part: Period;
  credited_items: CreditedItems;
}

type Debited = Omit<Debit, "part">;

/**
 * What was really debited for a part of an item's current period: where several debits cover a
 * moment, the latest counts. Time that nothing was debited for is left out.
 */
export function debitsOf(tx: Transaction, subscription: Subscription, item: Item, period: Period): Debit[] {
  const found: Debit[] = [];
  let missing: Period[] = [period];
  for (const debit of newestDebits(tx, subscription, item)) {
    missing = missing.flatMap((gap) => {
      const part = { start: Math.max(gap.start, debit.whole.start), end: Math.min(gap.end, debit.whole.end) };
      if (part.start >= part.end) return [gap];
      found.push({ ...debit, part });
      const left = { start: gap.start, end: part.start };
      const right = { start: part.end, end: gap.end };
      return [left, right].filter(({ start, end }) => start < end);
    });
    if (missing.length === 0) break;
  }
  return found;
}

/** The debits of an item's current period: those that wait for an invoice, then those that are on one. */
function* newestDebits(tx: Transaction, { id, customer }: Subscription, item: Item): Generator<Debited> {
  for (const pending of tx.newest("invoiceitem", { index: "pending", key: customer })) {
    const details = pending.parent?.subscription_details;
    if (details?.subscription_item !== item.id || pending.amount < 0) continue;
    yield {
      net: pending.amount,
      whole: pending.period,
      credited_items: { invoice_item: pending.id, type: "invoice_item" },
    };
  }
  for (const invoice of tx.newest("invoice", { index: "subscription", key: id })) {
    if (invoice.created < item.current_period_start) return;
    if (invoice.status !== "void") yield* debitsOn(invoice, item);
  }
}

function* debitsOn(invoice: Invoice, item: Item): Generator<Debited> {
  for (const line of invoice.lines.data) {
    if (line.parent?.subscription_item_details?.subscription_item !== item.id || line.amount < 0) continue;
    const discounted = (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
    yield {
      net: line.amount - discounted,
      whole: line.period,
      credited_items: {
        invoice_line_item_details: { invoice: invoice.id, invoice_line_items: [line.id] },
        type: "invoice_line_items",
      },
    };
  }
}
