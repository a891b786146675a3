import { redeem } from "../billing/catalogue/discounts.ts";
import { type SubscriptionChanges, updateSubscription } from "../billing/subscriptions/changes.ts";
import type { ItemChange, ItemChanges } from "../billing/subscriptions/item-changes.ts";
import { chosenPrice } from "../billing/subscriptions/prices.ts";
import { trialMoment } from "../billing/subscriptions/times.ts";
import { invalidRequest, paramIn } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import type { Infer } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { assertAttached, assertDaysUntilDue } from "./subscription-create.ts";
import { extraItem, itemInput } from "./subscription-item-input.ts";
import type { itemChangeParams, updateParams } from "./subscription-params.ts";

type Subscription = Kinds["subscription"];
type Params = Infer<typeof updateParams>;
type ItemParams = Infer<typeof itemChangeParams>;

/** `POST /v1/subscriptions/:id`. */
export function update(tx: Transaction, params: Params, id: string): Subscription {
  const subscription = tx.need("subscription", id);
  return updateSubscription(tx, subscription, changesOf(tx, subscription, params));
}

/** What the parameters of an update change. */
export function changesOf(tx: Transaction, subscription: Subscription, params: Params): SubscriptionChanges {
  const { customer } = subscription;
  if (params.default_payment_method) assertAttached(tx, params.default_payment_method, customer);
  const { collection_method, days_until_due } = params;
  if (collection_method !== undefined || days_until_due !== undefined) {
    const days = days_until_due ?? subscription.days_until_due ?? undefined;
    const method = collection_method ?? subscription.collection_method;
    assertDaysUntilDue(method, method === "send_invoice" ? days : days_until_due);
  }
  if (params.payment_behavior === "pending_if_incomplete") assertCanWait(params);
  return {
    ...plainChanges(tx, subscription, params),
    items: params.items && itemChanges(tx, params.items, subscription),
    billing_cycle_anchor: params.billing_cycle_anchor?.type,
    trial_end: params.trial_end === undefined ? undefined : trialMoment(tx, params.trial_end),
    extras: params.add_invoice_items?.map((extra, index) =>
      extraItem(tx, extra, `add_invoice_items[${index}]`),
    ),
    proration_behavior: params.proration_behavior,
    proration_date: params.proration_date,
    payment_behavior: params.payment_behavior,
  };
}

function plainChanges(tx: Transaction, subscription: Subscription, params: Params): SubscriptionChanges {
  const { cancellation_details: said, discounts, pause_collection: pause } = params;
  return {
    cancel_at: params.cancel_at,
    cancel_at_period_end: params.cancel_at_period_end,
    cancellation: said && {
      ...(said.comment !== undefined && { comment: said.comment }),
      ...(said.feedback !== undefined && { feedback: said.feedback }),
    },
    collection_method: params.collection_method,
    days_until_due: params.days_until_due,
    default_payment_method: params.default_payment_method,
    description: params.description,
    // No discounts take away what there is; a list without entries says nothing.
    discountIds:
      discounts === null ? [] : discounts?.length ? redeemed(tx, subscription, discounts) : undefined,
    metadata: params.metadata,
    missing_payment_method: params.trial_settings?.end_behavior.missing_payment_method,
    pause_collection: pause && { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null },
    payment_settings: params.payment_settings,
  };
}

function redeemed(tx: Transaction, { customer, currency, id }: Subscription, discounts: object[]): string[] {
  return redeem(tx, discounts, { customer, currency, subscription: id }).map((discount) => discount.id);
}

/** What a change may be that waits for its payment. https://docs.stripe.com/billing/subscriptions/pending-updates-reference */
const MAY_WAIT = new Set([
  "add_invoice_items",
  "billing_cycle_anchor",
  "items",
  "off_session",
  "payment_behavior",
  "proration_behavior",
  "proration_date",
  "trial_end",
]);

function assertCanWait(params: Params): void {
  const other = Object.keys(params).find((name) => !MAY_WAIT.has(name));
  if (!other) return;
  throw invalidRequest(
    `When \`payment_behavior\` is set to \`pending_if_incomplete\`, you can only pass supported params. \`${other}\` is not supported.`,
    { param: other },
  );
}

/**
 * Items with an id are changed, those without are added.
 * @param nameOf the name of the n-th item in errors
 */
export function itemChanges(
  tx: Transaction,
  items: ItemParams[],
  { customer, currency }: Subscription,
  nameOf = (index: number) => `items[${index}]`,
): ItemChanges {
  const changes: ItemChanges = { changed: [], added: [] };
  for (const [index, item] of items.entries()) {
    const param = nameOf(index);
    const { id, deleted, clear_usage: _, ...given } = item;
    if (id) changes.changed.push(itemChange(tx, { ...given, id, deleted }, param, { customer, currency }));
    else changes.added.push(itemInput(tx, given, param));
  }
  return changes;
}

function itemChange(
  tx: Transaction,
  { id, deleted, discounts, metadata, quantity, ...choice }: ItemParams & { id: string },
  param: string,
  target: { customer: string; currency: string },
): ItemChange {
  const isOther = choice.price ?? choice.plan ?? choice.price_data;
  const price = isOther ? chosenPrice(tx, choice, param, "recurring") : undefined;
  return {
    id,
    deleted,
    price,
    quantity,
    metadata,
    discounts:
      discounts === undefined
        ? undefined
        : redeem(tx, discounts ?? [], {
            ...target,
            subscription_item: id,
            param: paramIn(param, "discounts"),
          }).map((discount) => discount.id),
  };
}
