import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { Item } from "./items.ts";
import type { Period } from "./periods.ts";

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

/** Something that was debited, or given back (below zero), for an item. */
type Entry = Omit<Debit, "part">;

/** A part of an item's time, and the latest that was debited or given back for it. */
interface Span {
  part: Period;
  entry: Entry | null;
}

const isCredit = (entry: Entry | null) => entry !== null && entry.net < 0;

/**
 * What was really debited for a part of an item's current period, and not given back since: where
 * several debits cover a moment, the latest counts. Time that nothing was debited for is left out.
 */
export function debitsOf(tx: Transaction, subscription: Subscription, item: Item, period: Period): Debit[] {
  return spansOf(tx, subscription, item, period).flatMap(({ entry, part }) =>
    entry && !isCredit(entry) ? [{ ...entry, part }] : [],
  );
}

/** The parts of an item's current period that have not been given back. */
export function uncredited(
  tx: Transaction,
  subscription: Subscription,
  item: Item,
  period: Period,
): Period[] {
  return partsOf(spansOf(tx, subscription, item, period).filter(({ entry }) => !isCredit(entry)));
}

/** The parts of an item's current period that are not paid for: never debited, or given back since. */
export function undebited(tx: Transaction, subscription: Subscription, item: Item, period: Period): Period[] {
  return partsOf(spansOf(tx, subscription, item, period).filter(({ entry }) => !entry || isCredit(entry)));
}

/** The time of some spans, in order, in as few parts as it has. */
function partsOf(spans: Span[]): Period[] {
  const joined: Period[] = [];
  for (const { part } of spans.sort((a, b) => a.part.start - b.part.start)) {
    const last = joined.at(-1);
    if (last?.end === part.start) last.end = part.end;
    else joined.push({ ...part });
  }
  return joined;
}

function spansOf(tx: Transaction, subscription: Subscription, item: Item, period: Period): Span[] {
  const found: Span[] = [];
  let missing: Period[] = [period];
  for (const entry of newestEntries(tx, subscription, item)) {
    missing = missing.flatMap((gap) => {
      const part = { start: Math.max(gap.start, entry.whole.start), end: Math.min(gap.end, entry.whole.end) };
      if (part.start >= part.end) return [gap];
      found.push({ part, entry });
      const left = { start: gap.start, end: part.start };
      const right = { start: part.end, end: gap.end };
      return [left, right].filter(({ start, end }) => start < end);
    });
    if (missing.length === 0) break;
  }
  return [...found, ...missing.map((part) => ({ part, entry: null }))];
}

/** What has been billed of an item's current period: what waits for an invoice, then what is on one. */
function* newestEntries(tx: Transaction, { id, customer }: Subscription, item: Item): Generator<Entry> {
  for (const pending of tx.newest("invoiceitem", { index: "pending", key: customer })) {
    if (pending.parent?.subscription_details?.subscription_item !== item.id) continue;
    yield {
      net: pending.amount,
      whole: pending.period,
      credited_items: { invoice_item: pending.id, type: "invoice_item" },
    };
  }
  for (const invoice of tx.newest("invoice", { index: "subscription", key: id })) {
    if (invoice.created < item.current_period_start) return;
    if (invoice.status !== "void") yield* entriesOn(invoice, item);
  }
}

/** The latest line of an invoice is its last. */
function* entriesOn(invoice: Invoice, item: Item): Generator<Entry> {
  for (const line of invoice.lines.data.toReversed()) {
    if (line.parent?.subscription_item_details?.subscription_item !== item.id) continue;
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
