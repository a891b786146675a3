import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { type Period, periodAt } from "./periods.ts";

type Price = Kinds["price"];
export type Item = Kinds["subscription"]["items"]["data"][number];

/** A price that a customer subscribes to. */
export interface ItemInput {
  /** Its id, where that is known before the item is made. */
  id?: string;
  price: Price;
  /** Without one 1; a metered price has none. */
  quantity?: number | undefined;
  metadata?: Record<string, string>;
  /** Ids of discounts. */
  discounts?: string[];
}

export const isMetered = ({ price }: { price: Price }): boolean => price.recurring?.usage_type === "metered";

/** A new item of a subscription, billed for `period` first. */
export function newItem(
  tx: Transaction,
  { id: subscription, customer }: { id: string; customer: string },
  input: ItemInput,
  period: Period,
): Item {
  const { id = newId("si") } = input;
  tx.insert("subscription_item", { id, subscription, customer });
  return {
    id,
    object: "subscription_item",
    billing_thresholds: null,
    created: tx.now,
    current_period_end: period.end,
    current_period_start: period.start,
    current_trial: null,
    discounts: input.discounts ?? [],
    metadata: input.metadata ?? {},
    subscription,
    tax_rates: [],
    ...priced(input.price, input.quantity),
  };
}

/** What an item shows of its price and quantity. */
export function priced(
  price: Price,
  quantity: number | undefined,
): Pick<Item, "plan" | "price"> & { quantity?: number } {
  return { plan: planOf(price), price, ...(!isMetered({ price }) && { quantity: quantity ?? 1 }) };
}

/** The price as the plan that it once was; Stripe still shows both. */
function planOf(price: Price): Item["plan"] {
  const recurring = price.recurring!;
  return {
    id: price.id,
    object: "plan",
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: recurring.interval,
    interval_count: recurring.interval_count,
    livemode: false,
    metadata: price.metadata,
    meter: recurring.meter,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: price.tiers_mode,
    transform_usage: null,
    trial_period_days: recurring.trial_period_days,
    usage_type: recurring.usage_type,
  };
}

/**
 * The whole recurrence of an item's price that `at` is in. The period that is billed can be shorter: it
 * starts late when the item is added in between, and ends early when the subscription does.
 */
export function wholePeriod(anchor: number, { price }: { price: Price }, at: number): Period {
  return periodAt(anchor, price.recurring!, at);
}

/** The period an item is billed for that begins at `start`, on a subscription that may end before it is over. */
export function periodFrom(
  { billing_cycle_anchor, cancel_at }: Pick<Kinds["subscription"], "billing_cycle_anchor" | "cancel_at">,
  item: { price: Price },
  start: number,
): Period {
  const { end } = wholePeriod(billing_cycle_anchor, item, start);
  return { start, end: cancel_at !== null && cancel_at > start ? Math.min(end, cancel_at) : end };
}

/** The period that an item is being billed for. */
export const periodOf = (item: Item): Period => ({
  start: item.current_period_start,
  end: item.current_period_end,
});

/** The end of the period that runs longest. */
export function periodEnd(subscription: Kinds["subscription"]): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end));
}

/** The end of the period that is over first. */
export function nextPeriodEnd(subscription: Kinds["subscription"]): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_end));
}

const MAX_ITEMS = 20;

/**
 * Refuses items that cannot be together: too many of them, a price twice, and, in classic billing mode,
 * prices that recur differently.
 */
export function assertItemsFit(items: { price: Price }[], mode: "classic" | "flexible"): void {
  if (items.length === 0) {
    throw invalidRequest("A subscription must have at least one active price.", { param: "items" });
  }
  if (items.length > MAX_ITEMS) {
    throw invalidRequest(`A subscription can have at most ${MAX_ITEMS} items.`, { param: "items" });
  }
  const prices = new Set<string>();
  for (const { price } of items) {
    if (prices.has(price.id)) {
      throw invalidRequest(`Cannot add multiple subscription items with the same plan: ${price.id}`, {
        param: "items",
      });
    }
    prices.add(price.id);
  }
  if (mode === "classic" && !items.every(({ price }) => recursAlike(price, items[0]!.price))) {
    throw invalidRequest(
      "Currency and interval fields must match across all plans on this subscription. Found mismatch in interval field.",
      { param: "items" },
    );
  }
}

/** Whether two prices recur as often. */
export function recursAlike(a: Price, b: Price): boolean {
  return (
    a.recurring?.interval === b.recurring?.interval &&
    a.recurring?.interval_count === b.recurring?.interval_count
  );
}
