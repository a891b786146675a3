import { type SubscriptionChanges, updateSubscription } from "../billing/subscriptions/changes.ts";
import type { ItemChanges } from "../billing/subscriptions/item-changes.ts";
import type { Item } from "../billing/subscriptions/items.ts";
import { noSuch } from "../errors.ts";
import { pageOf, pageParams } from "../list.ts";
import { flag, type Infer, required, text, timestamp } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { prorationBehavior } from "./common-params.ts";
import { newItemParams, paymentBehavior } from "./subscription-params.ts";
import { itemChanges } from "./subscription-update.ts";

/** How a change of one item is billed. */
const billing = {
  payment_behavior: paymentBehavior,
  proration_behavior: prorationBehavior,
  proration_date: timestamp,
};
const createParams = { ...newItemParams, ...billing, subscription: required(text()) };
const updateParams = { ...newItemParams, ...billing, off_session: flag };
const deleteParams = { ...billing, clear_usage: flag };

const URL = "/v1/subscription_items";

/** An item and its subscription; 404 when there is no such item (any more). */
function find(tx: Transaction, id: string) {
  const owner = tx.get("subscription_item", id);
  const subscription = owner && tx.get("subscription", owner.subscription);
  const item = subscription?.items.data.find((candidate) => candidate.id === id);
  if (!subscription || !item) throw noSuch("subscription_item", id);
  return { subscription, item };
}

function change(
  tx: Transaction,
  subscription: Parameters<typeof updateSubscription>[1],
  items: ItemChanges,
  params: Infer<typeof billing>,
): Item[] {
  const changes: SubscriptionChanges = {
    items,
    payment_behavior: params.payment_behavior,
    proration_behavior: params.proration_behavior,
    proration_date: params.proration_date,
  };
  return updateSubscription(tx, subscription, changes).items.data;
}

function create(tx: Transaction, params: Infer<typeof createParams>): Item {
  const { subscription: id, payment_behavior, proration_behavior, proration_date, ...item } = params;
  const subscription = tx.need("subscription", id, "subscription");
  const items = itemChanges(tx, [item], subscription, () => "");
  const after = change(tx, subscription, items, { payment_behavior, proration_behavior, proration_date });
  return after.at(-1)!;
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Item {
  const { off_session: _, payment_behavior, proration_behavior, proration_date, ...item } = params;
  const { subscription } = find(tx, id);
  const items = itemChanges(tx, [{ ...item, id }], subscription, () => "");
  const after = change(tx, subscription, items, { payment_behavior, proration_behavior, proration_date });
  return after.find((candidate) => candidate.id === id)!;
}

function remove(tx: Transaction, params: Infer<typeof deleteParams>, id: string): object {
  const { subscription } = find(tx, id);
  change(tx, subscription, { changed: [{ id, deleted: true }], added: [] }, params);
  return { id, object: "subscription_item", deleted: true };
}

export const subscriptionItemRoutes: Route[] = [
  route("POST", URL, createParams, create),
  route("GET", URL, { ...pageParams, subscription: required(text()) }, (tx, params) => {
    const { items } = tx.need("subscription", params.subscription, "subscription");
    return pageOf(items.data, `${URL}?subscription=${params.subscription}`, params);
  }),
  route("GET", `${URL}/:id`, {}, (tx, _params, { id = "" }) => find(tx, id).item),
  route("POST", `${URL}/:id`, updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", `${URL}/:id`, deleteParams, (tx, params, { id = "" }) => remove(tx, params, id)),
];
