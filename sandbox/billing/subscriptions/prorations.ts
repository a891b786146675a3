import type { Kinds } from "../../kinds.ts";
import { fractionOf, stepOf } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";
import { activeDiscounts } from "../catalogue/discounts.ts";
import { pricingOf } from "../catalogue/pricing.ts";
import { priced } from "../invoices/invoices.ts";
import { insertInvoiceItem } from "../invoices/items.ts";
import { type Debit, debitsOf, uncredited, undebited } from "./debits.ts";
import { type Item, isMetered, wholePeriod } from "./items.ts";
import { itemLine, productName } from "./lines.ts";
import type { Period } from "./periods.ts";

type Subscription = Kinds["subscription"];
type InvoiceItem = Kinds["invoiceitem"];
type Details = NonNullable<InvoiceItem["proration_details"]>;

/** What a change costs, or gives back, for a part of an item's period. */
export interface Proration {
  item: Item;
  /** In minor units, after discounts; below 0 it is credit. */
  amount: number;
  period: Period;
  credited_items: Details["credited_items"];
  discount_amounts: Details["discount_amounts"];
}

/** What an item costs for a whole recurrence, and what discounts take of it. */
interface Cost {
  amount: number;
  discounts: { amount: number; discount: string }[];
}

/** The time from one moment to another; null when there is none. */
export const span = (start: number, end: number): Period | null => (start < end ? { start, end } : null);

/** What an item costs for a part of its period, to the second. https://docs.stripe.com/billing/subscriptions/prorations */
export function debitFor(
  tx: Transaction,
  subscription: Subscription,
  item: Item,
  period: Period | null,
): Proration[] {
  if (!period || isMetered(item)) return [];
  const { amount, discounts } = costOf(tx, subscription, item);
  const whole = wholePeriod(subscription.billing_cycle_anchor, item, period.start);
  const step = stepOf(subscription.currency);
  const part = (of: number) => fractionOf(of, period.end - period.start, whole.end - whole.start, step);
  const discount_amounts = discounts.map(({ discount, ...rest }) => ({
    discount,
    amount: part(rest.amount),
  }));
  return [{ item, amount: part(amount), period, credited_items: null, discount_amounts }];
}

/** What an item costs for those parts of its period that have not been paid for, or were given back. */
export function debitForUnpaid(
  tx: Transaction,
  subscription: Subscription,
  item: Item,
  period: Period | null,
): Proration[] {
  if (!period || isMetered(item)) return [];
  return undebited(tx, subscription, item, period).flatMap((part) => debitFor(tx, subscription, item, part));
}

/**
 * What is given back for a part of an item's period that will not be used. In flexible billing mode
 * it is a part of what was really debited; in classic mode, of what the item costs now. No time is given
 * back twice.
 */
export function creditFor(
  tx: Transaction,
  subscription: Subscription,
  item: Item,
  period: Period | null,
): Proration[] {
  if (!period || isMetered(item)) return [];
  const credits =
    subscription.billing_mode.type === "flexible"
      ? debitsOf(tx, subscription, item, period).map((debit) =>
          giveBack(item, debit, stepOf(subscription.currency)),
        )
      : uncredited(tx, subscription, item, period)
          .flatMap((part) => debitFor(tx, subscription, item, part))
          .map((debit) => ({ ...debit, amount: -debit.amount }));
  return credits.filter(({ amount }) => amount !== 0);
}

function giveBack(item: Item, { net, whole, part, credited_items }: Debit, step: number): Proration {
  // Counted from the end, so that parts of a debit never add up to more than it.
  const after = (moment: number) => fractionOf(net, whole.end - moment, whole.end - whole.start, step);
  const amount = after(part.end) - after(part.start);
  return { item, amount, period: part, credited_items, discount_amounts: [] };
}

/** Discounts of the whole subscription are shared by its items as on an invoice. */
function costOf(tx: Transaction, subscription: Subscription, item: Item): Cost {
  const lines = subscription.items.data
    .filter((other) => !isMetered(other))
    .map((other) => itemLine(tx, subscription, inWholePeriod(subscription, other)));
  const discounts = activeDiscounts(tx, subscription, tx.now).map(({ id }) => id);
  const { lines: discounted } = priced(tx, lines, discounts, subscription.currency);
  const line = discounted.find(
    ({ parent }) => parent?.subscription_item_details?.subscription_item === item.id,
  )!;
  const taken = line.discount_amounts ?? [];
  return { amount: line.amount - taken.reduce((sum, { amount }) => sum + amount, 0), discounts: taken };
}

function inWholePeriod({ billing_cycle_anchor }: Subscription, item: Item): Item {
  const { start, end } = wholePeriod(billing_cycle_anchor, item, item.current_period_start);
  return { ...item, current_period_start: start, current_period_end: end };
}

/** Leaves a proration for the next invoice. */
export function insertProration(tx: Transaction, subscription: Subscription, given: Proration): InvoiceItem {
  const { item, amount, period, credited_items, discount_amounts } = given;
  const { price, quantity = 1 } = item;
  return insertInvoiceItem(tx, {
    amount,
    currency: subscription.currency,
    customer: subscription.customer,
    description: descriptionOf(tx, given),
    discountable: false,
    parent: {
      subscription_details: { subscription: subscription.id, subscription_item: item.id },
      type: "subscription_details",
    },
    period,
    pricing: pricingOf(tx, price, subscription.currency),
    proration: true,
    proration_details: { credited_items, discount_amounts },
    quantity,
    quantity_decimal: String(quantity),
  });
}

function descriptionOf(tx: Transaction, { amount, item, period }: Proration): string {
  const what = `${(item.quantity ?? 1) > 1 ? `${item.quantity} × ` : ""}${productName(tx, item)}`;
  return `${amount < 0 ? "Unused" : "Remaining"} time on ${what} after ${dayOf(period.start)}`;
}

/** 3 Feb 2026 */
function dayOf(seconds: number): string {
  return new Intl.DateTimeFormat("en-GB", {
    day: "2-digit",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  }).format(new Date(seconds * 1000));
}
