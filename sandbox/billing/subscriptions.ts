import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import { recurrenceAfter } from "./periods.ts";

type Subscription = Kinds["subscription"];
type Item = Subscription["items"]["data"][number];
type Price = Kinds["price"];

export interface SubscriptionInput {
  customer: string;
  currency: string;
  items: { price: Price; quantity: number; metadata: Record<string, string> }[];
  latest_invoice: string;
  description: string | null;
  metadata: Record<string, string>;
  billing_mode: "classic" | "flexible";
  /** In seconds; a subscription with a trial starts as `trialing`, another one as `incomplete`. */
  trial_end: number | null;
  missing_payment_method: "cancel" | "create_invoice" | "pause";
  default_payment_method: string | null;
}

/** A new subscription; its periods start now. https://docs.stripe.com/billing/subscriptions/overview */
export function createSubscription(tx: Transaction, input: SubscriptionInput): Subscription {
  const id = newId("sub");
  const { trial_end } = input;
  const items = input.items.map((item) => subscriptionItem(tx, id, item, trial_end));
  const subscription = tx.insert("subscription", {
    id,
    object: "subscription",
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: trial_end ?? tx.now,
    billing_cycle_anchor_config: null,
    billing_mode:
      input.billing_mode === "flexible"
        ? { flexible: { proration_discounts: "included" }, type: "flexible" }
        : { flexible: null, type: "classic" },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: "charge_automatically",
    created: tx.now,
    currency: input.currency,
    customer: input.customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: input.default_payment_method,
    default_source: null,
    default_tax_rates: [],
    description: input.description,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: "self" },
    },
    items: { object: "list", data: items, has_more: false, url: `/v1/subscription_items?subscription=${id}` },
    latest_invoice: input.latest_invoice,
    livemode: false,
    managed_payments: null,
    metadata: input.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: "off",
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: tx.now,
    status: trial_end === null ? "incomplete" : "trialing",
    test_clock: tx.need("customer", input.customer, "customer").test_clock ?? null,
    transfer_data: null,
    trial_end,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: input.missing_payment_method },
    },
    trial_start: trial_end === null ? null : tx.now,
  });
  tx.emit("customer.subscription.created", subscription);
  return subscription;
}

function subscriptionItem(
  tx: Transaction,
  subscription: string,
  { price, quantity, metadata }: SubscriptionInput["items"][number],
  trialEnd: number | null,
): Item {
  return {
    id: newId("si"),
    object: "subscription_item",
    billing_thresholds: null,
    created: tx.now,
    current_period_end: trialEnd ?? recurrenceAfter(tx.now, price.recurring!, 1),
    current_period_start: tx.now,
    current_trial: null,
    discounts: [],
    metadata,
    plan: planOf(price),
    price,
    quantity,
    subscription,
    tax_rates: [],
  };
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
    trial_period_days: null,
    usage_type: recurring.usage_type,
  };
}
