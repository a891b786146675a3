import { assertItemsFit, type ItemInput } from "../billing/subscriptions/items.ts";
import { currencyFor } from "../billing/subscriptions/prices.ts";
import { type Start, startSubscription } from "../billing/subscriptions/start.ts";
import { createSubscription, type SubscriptionInput } from "../billing/subscriptions/subscriptions.ts";
import { cancelMoment, firstAnchor, firstTrialEnd } from "../billing/subscriptions/times.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import type { Infer } from "../params.ts";
import { isFinal } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { extraItem, itemInput } from "./subscription-item-input.ts";
import type { createParams } from "./subscription-params.ts";

type Params = Infer<typeof createParams>;

/** `POST /v1/subscriptions`. */
export function create(tx: Transaction, params: Params): Kinds["subscription"] {
  const { input, start } = orderOf(tx, params);
  return startSubscription(tx, input, start);
}

/** What the parameters of a new subscription order. */
export function orderOf(tx: Transaction, params: Params): { input: SubscriptionInput; start: Start } {
  const customer = tx.need("customer", params.customer, "customer");
  const behavior = params.payment_behavior ?? "allow_incomplete";
  if (behavior === "pending_if_incomplete") {
    throw invalidRequest(
      "`payment_behavior=pending_if_incomplete` can only be used to update a subscription, not to create one.",
      { param: "payment_behavior" },
    );
  }
  const items = params.items.map((item, index) => itemInput(tx, item, `items[${index}]`));
  const mode = params.billing_mode?.type ?? "flexible";
  assertItemsFit(items, mode);
  const currency = currencyFor(tx, items[0]!.price, customer, params.currency);
  assertOneCurrency(tx, customer, currency);
  const extras = (params.add_invoice_items ?? []).map((extra, index) =>
    extraItem(tx, extra, `add_invoice_items[${index}]`),
  );
  const input = { ...terms(tx, params, items), currency, billing_mode: mode };
  const prorates = params.proration_behavior !== "none";
  return {
    input: { ...input, ...ending(tx, params, input) },
    start: { behavior, prorates, extras, redemptions: params.discounts ?? [] },
  };
}

function terms(tx: Transaction, params: Params, items: ItemInput[]): SubscriptionInput {
  const { default_payment_method, payment_settings, trial_settings } = params;
  if (default_payment_method) assertAttached(tx, default_payment_method, params.customer);
  const collection_method = params.collection_method ?? "charge_automatically";
  assertDaysUntilDue(collection_method, params.days_until_due);
  const trial_end = firstTrialEnd(tx, params, items);
  return {
    customer: params.customer,
    currency: "",
    items,
    latest_invoice: null,
    collection_method,
    days_until_due: params.days_until_due ?? null,
    description: params.description ?? null,
    metadata: withMetadata({}, params.metadata),
    default_payment_method: default_payment_method ?? null,
    payment_settings: payment_settings ?? {},
    trial_end,
    billing_cycle_anchor: firstAnchor(tx, params.billing_cycle_anchor, items, trial_end),
    missing_payment_method: trial_settings?.end_behavior.missing_payment_method ?? "create_invoice",
  };
}

/** When the subscription is to end, if that is known from the start. */
function ending(
  tx: Transaction,
  params: Params,
  input: SubscriptionInput,
): Pick<SubscriptionInput, "cancel_at" | "cancel_at_period_end"> {
  if (params.cancel_at !== undefined && params.cancel_at_period_end) {
    throw invalidParameter(
      "cancel_at",
      "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
      "parameters_exclusive",
    );
  }
  if (params.cancel_at === undefined) return { cancel_at_period_end: params.cancel_at_period_end ?? false };
  const { items } = tx.imagine(() => createSubscription(tx, input));
  return { cancel_at: cancelMoment(tx, params.cancel_at, items.data) };
}

/** Refuses a method that is not the customer's. */
export function assertAttached(tx: Transaction, method: string, customer: string): void {
  if (tx.need("payment_method", method, "default_payment_method").customer === customer) return;
  throw invalidRequest(
    `The customer does not have a payment method with the ID ${method}. The payment method must be attached to the customer.`,
    { param: "default_payment_method", code: "resource_missing" },
  );
}

/** Sent invoices are due some days later; charged ones at once. */
export function assertDaysUntilDue(collection_method: string, days: number | null | undefined): void {
  if (collection_method === "send_invoice" && days === undefined) {
    throw invalidParameter(
      "days_until_due",
      "If you pass `collection_method=send_invoice`, you must also pass `days_until_due`.",
      "parameter_missing",
    );
  }
  if (collection_method !== "send_invoice" && days !== undefined && days !== null) {
    throw invalidParameter(
      "days_until_due",
      "`days_until_due` can only be specified if `collection_method` is set to `send_invoice`.",
    );
  }
}

function assertOneCurrency(tx: Transaction, customer: Kinds["customer"], currency: string): void {
  for (const other of tx.newest("subscription", { index: "customer", key: customer.id })) {
    if (isFinal("subscription", other.status) || other.currency === currency) continue;
    throw invalidRequest(
      `You cannot combine currencies on a single customer. This customer has an active subscription, subscription schedule, discount, quote, or invoice item with currency ${other.currency}.`,
    );
  }
}
