import type Stripe from "stripe";
import { idOf } from "../sync/values.ts";

/** A price and how many seats of it. */
export interface Terms {
  price: string;
  quantity: number;
}

/** Whether its end is scheduled, in either of Stripe's ways. */
export const endsByItself = (now: Stripe.Subscription) => now.cancel_at_period_end || now.cancel_at !== null;

/** An item as subscriptions and phases have it. */
interface ItemLike {
  price: string | { id: string };
  quantity?: number | null | undefined;
}

/** Whether an item is on these terms. */
export const isOn = (item: ItemLike | undefined, { price, quantity }: Terms) =>
  item !== undefined && idOf(item.price) === price && (item.quantity ?? 1) === quantity;
