import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { redeem } from "../catalogue/discounts.ts";
import { findCode } from "../catalogue/promotion-codes.ts";
import { type Cancellation, cancelNow } from "../subscriptions/cancellation.ts";
import { draftOfChange, type SubscriptionChanges, updateSubscription } from "../subscriptions/changes.ts";
import { assertFeature, ownSubscription, type Portal } from "./portal.ts";

type Subscription = Kinds["subscription"];

/** Whether an end is planned: the API sets the flag, the portal on flexible subscriptions only the date. */
export const isEnding = ({ cancel_at, cancel_at_period_end }: Subscription): boolean =>
  cancel_at_period_end || cancel_at !== null;

/**
 * Cancels as the configuration says: at once, or when the paid period is over. A flexible subscription
 * gets `cancel_at` and keeps its flag false; a classic one gets the flag.
 * https://docs.stripe.com/customer-management/cancellation-page
 */
export function cancelInPortal(
  tx: Transaction,
  portal: Portal,
  id: string,
  said: Pick<Cancellation, "comment" | "feedback"> = {},
): Subscription {
  assertFeature(portal, "subscription_cancel");
  const subscription = ownSubscription(tx, portal, id);
  const { mode, proration_behavior } = portal.features.subscription_cancel;
  if (mode === "immediately") {
    const invoicesNow = proration_behavior === "always_invoice";
    return cancelNow(tx, subscription, { ...said, prorates: proration_behavior !== "none", invoicesNow });
  }
  if (isEnding(subscription)) throw invalidRequest("This subscription is already set to be canceled.");
  const isFlexible = subscription.billing_mode.type === "flexible";
  return updateSubscription(tx, subscription, {
    ...(isFlexible ? { cancel_at: "max_period_end" } : { cancel_at_period_end: true }),
    cancellation: said,
    proration_behavior: "none",
  });
}

/** Takes a planned end back: the subscription renews again. */
export function resumeInPortal(tx: Transaction, portal: Portal, id: string): Subscription {
  assertFeature(portal, "subscription_cancel");
  const subscription = ownSubscription(tx, portal, id);
  if (!isEnding(subscription)) throw invalidRequest("This subscription is not set to be canceled.");
  return updateSubscription(tx, subscription, {
    ...(subscription.cancel_at_period_end ? { cancel_at_period_end: false } : { cancel_at: null }),
    proration_behavior: "none",
  });
}

/** What a customer wants to have instead. */
export interface Wish {
  subscription: string;
  price?: string | undefined;
  quantity?: number | undefined;
  /** A promotion code as it is typed. */
  code?: string | undefined;
  /** What the merchant gives with the change. */
  discounts?: { coupon?: string; promotion_code?: string }[] | undefined;
}

/** Changes the plan, the quantity or both, as far as the configuration allows; billed as it says. */
export function updateInPortal(tx: Transaction, portal: Portal, wish: Wish): Subscription {
  const subscription = changeable(tx, portal, wish.subscription);
  return updateSubscription(tx, subscription, changesFor(tx, portal, subscription, wish));
}

/** What such a change would cost now, in minor units. */
export function dueForUpdate(tx: Transaction, portal: Portal, wish: Wish): number {
  const subscription = changeable(tx, portal, wish.subscription);
  return tx.imagine((tx) => {
    const changes = changesFor(tx, portal, subscription, wish);
    return draftOfChange(tx, subscription, changes)?.amount_due ?? 0;
  });
}

/** A subscription that the portal can change: it has one item, and no plan of its own. */
export function changeable(tx: Transaction, portal: Portal, id: string): Subscription {
  assertFeature(portal, "subscription_update");
  const subscription = ownSubscription(tx, portal, id);
  const { items, schedule, collection_method } = subscription;
  const why =
    items.data.length !== 1
      ? "it contains more than one item"
      : schedule
        ? "it is managed by a subscription schedule"
        : collection_method === "send_invoice"
          ? "it is paid by invoice"
          : undefined;
  if (why) throw invalidRequest(`This subscription cannot be updated because ${why}.`);
  return subscription;
}

/** The prices that a customer may choose. */
export function offeredPrices(tx: Transaction, { features }: Portal): Kinds["price"][] {
  const { products } = features.subscription_update;
  return (products ?? []).flatMap(({ prices }) => prices).flatMap((id) => tx.get("price", id) ?? []);
}

/** What of a subscription may be changed: its price, its quantity, its promotion code. */
export const mayChange = (
  { features }: Pick<Portal, "features">,
  what: "price" | "quantity" | "promotion_code",
): boolean => features.subscription_update.default_allowed_updates.includes(what);

function changesFor(
  tx: Transaction,
  portal: Portal,
  subscription: Subscription,
  wish: Wish,
): SubscriptionChanges {
  const { trial_update_behavior, billing_cycle_anchor, proration_behavior } =
    portal.features.subscription_update;
  const endsTrial = subscription.status === "trialing" && trial_update_behavior === "end_trial";
  return {
    items: { changed: [itemChange(tx, portal, subscription, wish)], added: [] },
    ...withDiscounts(tx, portal, subscription, wish),
    ...(endsTrial && { trial_end: null }),
    billing_cycle_anchor: billing_cycle_anchor ?? undefined,
    proration_behavior,
    // A customer who looks on is told at once, and keeps what they had.
    payment_behavior: "error_if_incomplete",
  };
}

function itemChange(tx: Transaction, portal: Portal, { items }: Subscription, wish: Wish) {
  const item = items.data[0]!;
  const price = wish.price && wish.price !== item.price.id ? offered(tx, portal, wish.price) : undefined;
  const quantity = wish.quantity ?? item.quantity;
  if (quantity !== item.quantity) assertQuantity(portal, price ?? item.price, quantity);
  return { id: item.id, price, quantity };
}

function offered(tx: Transaction, portal: Portal, id: string): Kinds["price"] {
  const price = offeredPrices(tx, portal).find((each) => each.id === id);
  if (price && mayChange(portal, "price")) return price;
  throw invalidRequest(
    `The price ${id} cannot be chosen: it is not among the products of the portal configuration.`,
    { param: "price" },
  );
}

function assertQuantity(portal: Portal, { product }: Kinds["price"], quantity: number | undefined): void {
  const { products } = portal.features.subscription_update;
  const limits = products?.find((each) => each.product === product)?.adjustable_quantity;
  const least = limits?.enabled ? (limits.minimum ?? 1) : 1;
  const most = (limits?.enabled && limits.maximum) || Number.POSITIVE_INFINITY;
  const isAllowed = mayChange(portal, "quantity") && Number.isInteger(quantity);
  if (isAllowed && quantity! >= least && quantity! <= most) return;
  const message = isAllowed ? "This quantity cannot be chosen." : "The quantity cannot be changed.";
  throw invalidRequest(message, { param: "quantity" });
}

function withDiscounts(
  tx: Transaction,
  portal: Portal,
  { customer, currency, id }: Subscription,
  { code: typed, discounts = [] }: Wish,
): Pick<SubscriptionChanges, "discountIds"> {
  const redemptions = [...discounts];
  if (typed) {
    const code = mayChange(portal, "promotion_code") ? findCode(tx, typed.trim(), customer) : undefined;
    if (!code) throw invalidRequest("This code is invalid.", { param: "promotion_code" });
    redemptions.push({ promotion_code: code.id });
  }
  if (redemptions.length === 0) return {};
  const made = redeem(tx, redemptions, { customer, currency, subscription: id });
  return { discountIds: made.map((discount) => discount.id) };
}
