import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { formatMoney, fractionOf, stepOf } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";
import { usageOf } from "../catalogue/meters.ts";
import { priceAmount, pricingOf } from "../catalogue/pricing.ts";
import { type InvoiceLine, intervalText } from "../invoices/lines.ts";
import { unbilled } from "./billed-usage.ts";
import { type Item, isMetered, periodOf, wholePeriod } from "./items.ts";
import type { Period } from "./periods.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** What an item costs for a whole recurrence, in the subscription's currency. */
export function recurringAmount(tx: Transaction, { currency }: Subscription, item: Item): number {
  return isMetered(item) ? 0 : priceAmount(tx, item.price, item.quantity ?? 1, currency);
}

/** What an item costs for a part of a recurrence, to the second. */
function partialAmount(tx: Transaction, subscription: Subscription, item: Item, part: Period): number {
  const whole = wholePeriod(subscription.billing_cycle_anchor, item, part.start);
  const amount = recurringAmount(tx, subscription, item);
  return fractionOf(amount, part.end - part.start, whole.end - whole.start, stepOf(subscription.currency));
}

/** What a line bills. */
interface Billed {
  amount: number;
  quantity: number;
  period: Period;
  description: string;
  /** Whether it is for less than a whole recurrence. */
  proration: boolean;
}

/** How an item's period is billed. */
interface ItemBilling {
  /** The period that is over, whose usage is billed; none at the start. */
  previous?: Period | null;
  /** A period that is shorter than a recurrence costs nothing. */
  partsAreFree?: boolean;
}

/**
 * The line that bills an item for its current period: in advance what is licensed, afterwards what is
 * metered. A trial costs nothing.
 */
export function itemLine(
  tx: Transaction,
  subscription: Subscription,
  item: Item,
  { previous = null, partsAreFree = false }: ItemBilling = {},
): InvoiceLine {
  const isTrial = item.current_period_end === subscription.trial_end;
  if (isTrial) return line(tx, subscription, item, trial(tx, item));
  if (isMetered(item)) return line(tx, subscription, item, used(tx, subscription, item, previous));
  const billed = licensed(tx, subscription, item);
  return line(tx, subscription, item, billed.proration && partsAreFree ? { ...billed, amount: 0 } : billed);
}

function trial(tx: Transaction, item: Item): Billed {
  const description = `Trial period for ${productName(tx, item)}`;
  return { amount: 0, quantity: item.quantity ?? 0, period: periodOf(item), description, proration: false };
}

function licensed(tx: Transaction, subscription: Subscription, item: Item): Billed {
  const period = periodOf(item);
  const quantity = item.quantity ?? 1;
  const whole = wholePeriod(subscription.billing_cycle_anchor, item, period.start);
  return {
    amount: partialAmount(tx, subscription, item, period),
    quantity,
    period,
    description: `${quantity} × ${productName(tx, item)} (at ${each(tx, subscription, item)})`,
    proration: period.end - period.start < whole.end - whole.start,
  };
}

function used(tx: Transaction, subscription: Subscription, item: Item, previous: Period | null): Billed {
  const period = previous ? unbilled(tx, subscription, item, previous) : periodOf(item);
  const quantity = previous ? counted(tx, item, subscription.customer, period) : 0;
  return { ...billedFor(tx, subscription, item, quantity), period, proration: false };
}

function counted(tx: Transaction, { price }: Pick<Item, "price">, customer: string, period: Period): number {
  const meter = price.recurring?.meter;
  return meter ? usageOf(tx, meter, customer, period.start, period.end) : 0;
}

function billedFor(
  tx: Transaction,
  subscription: Pick<Subscription, "currency">,
  item: Pick<Item, "price">,
  quantity: number,
) {
  const amount = priceAmount(tx, item.price, quantity, subscription.currency);
  const description = `${quantity} × ${productName(tx, item)} (at ${each(tx, subscription, item)})`;
  return { amount, quantity, description };
}

/**
 * A draft's lines with the usage of past periods as it is known by now: what arrives before an
 * invoice is finalized is billed with it.
 * https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
 */
export function recounted(tx: Transaction, { created, currency, customer, lines }: Invoice): InvoiceLine[] {
  return lines.data.map((line) => {
    const price = tx.get("price", line.pricing?.price_details?.price ?? "");
    const isOfItem = line.parent?.subscription_item_details?.invoice_item === null;
    if (!price || !isOfItem || !isMetered({ price }) || line.period.end > created) return line;
    const quantity = counted(tx, { price }, customer ?? "", line.period);
    if (quantity === line.quantity) return line;
    const billed = billedFor(tx, { currency }, { price }, quantity);
    return { ...line, ...billed, subtotal: billed.amount, quantity_decimal: String(quantity) };
  });
}

export const productName = (tx: Transaction, { price }: Pick<Item, "price">): string =>
  tx.get("product", price.product)?.name ?? "a product";

function each(
  tx: Transaction,
  { currency }: Pick<Subscription, "currency">,
  { price }: Pick<Item, "price">,
): string {
  return `${formatMoney(priceAmount(tx, price, 1, currency), currency)} / ${intervalText(price)}`;
}

function line(tx: Transaction, subscription: Subscription, item: Item, billed: Billed): InvoiceLine {
  const { amount, quantity, period, description, proration } = billed;
  const { price } = item;
  return {
    id: newId("il"),
    object: "line_item",
    amount,
    currency: subscription.currency,
    description,
    discount_amounts: [],
    discountable: true,
    discounts: item.discounts,
    invoice: null,
    livemode: false,
    metadata: item.metadata,
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration,
        proration_details: { credited_items: null },
        subscription: subscription.id,
        subscription_item: item.id,
      },
      type: "subscription_item_details",
    },
    period,
    pretax_credit_amounts: [],
    pricing: pricingOf(tx, price, subscription.currency),
    quantity,
    quantity_decimal: String(quantity),
    subscription: subscription.id,
    subtotal: amount,
    taxes: [],
  };
}
