import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { foretellInvoice, foretellTrialEnd } from "./details.ts";
import { type ItemInput, newItem, periodFrom } from "./items.ts";

type Subscription = Kinds["subscription"];
type EndBehavior = NonNullable<Subscription["trial_settings"]>["end_behavior"];

/** What a new subscription is to be; what is not said has Stripe's defaults. */
export interface SubscriptionInput {
  id?: string;
  customer: string;
  currency: string;
  items: ItemInput[];
  latest_invoice: string | null;
  description?: string | null;
  metadata?: Record<string, string>;
  billing_mode?: "classic" | "flexible";
  /** In seconds; items cost nothing until then, and renew from then on. */
  trial_end?: number | null;
  missing_payment_method?: EndBehavior["missing_payment_method"];
  default_payment_method?: string | null;
  /** Where periods are counted from, when it is not now: the first one is shorter. */
  billing_cycle_anchor?: number;
  cancel_at?: number | null;
  cancel_at_period_end?: boolean;
  /** Whether the first period is shorter, and costs less, when the subscription is to end in it; it is by default. */
  prorates?: boolean;
  collection_method?: "charge_automatically" | "send_invoice";
  days_until_due?: number | null;
  discounts?: string[];
  /** The schedule that starts it. */
  schedule?: string | null;
  payment_settings?: Partial<NonNullable<Subscription["payment_settings"]>>;
  /** Without it `trialing` when there is a trial, else `incomplete`: to be paid. */
  status?: "active" | "incomplete" | "trialing";
}

/**
 * A new subscription (`customer.subscription.created`); its periods start now. Its first invoice is
 * the caller's to make. https://docs.stripe.com/billing/subscriptions/overview
 */
export function createSubscription(tx: Transaction, input: SubscriptionInput): Subscription {
  const { id = newId("sub"), trial_end = null, cancel_at = null } = input;
  const billing_cycle_anchor = input.billing_cycle_anchor ?? trial_end ?? tx.now;
  const terms = { billing_cycle_anchor, cancel_at: input.prorates === false ? null : cancel_at };
  const items = input.items.map((item) =>
    newItem(
      tx,
      { id, customer: input.customer },
      item,
      trial_end === null ? periodFrom(terms, item, tx.now) : { start: tx.now, end: trial_end },
    ),
  );
  const subscription = tx.insert("subscription", {
    id,
    object: "subscription",
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor,
    billing_cycle_anchor_config: null,
    billing_mode: billingMode(input.billing_mode ?? "flexible"),
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: input.cancel_at_period_end
      ? Math.max(...items.map((item) => item.current_period_end))
      : cancel_at,
    cancel_at_period_end: input.cancel_at_period_end ?? false,
    canceled_at: input.cancel_at_period_end || cancel_at !== null ? tx.now : null,
    cancellation_details: {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: input.cancel_at_period_end || cancel_at !== null ? "cancellation_requested" : null,
    },
    collection_method: input.collection_method ?? "charge_automatically",
    created: tx.now,
    currency: input.currency,
    customer: input.customer,
    customer_account: null,
    days_until_due: input.days_until_due ?? null,
    default_payment_method: input.default_payment_method ?? null,
    default_source: null,
    default_tax_rates: [],
    description: input.description ?? null,
    discounts: input.discounts ?? [],
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
    metadata: input.metadata ?? {},
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: "off",
      ...input.payment_settings,
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: input.schedule ?? null,
    start_date: tx.now,
    status: input.status ?? (trial_end === null ? "incomplete" : "trialing"),
    test_clock: tx.need("customer", input.customer, "customer").test_clock ?? null,
    transfer_data: null,
    trial_end,
    trial_settings: {
      end_behavior: {
        billing_cycle_anchor: null,
        missing_payment_method: input.missing_payment_method ?? "create_invoice",
      },
    },
    trial_start: trial_end === null ? null : tx.now,
  });
  tx.emit("customer.subscription.created", subscription);
  foretellTrialEnd(tx, subscription);
  foretellInvoice(tx, subscription);
  return subscription;
}

const billingMode = (type: "classic" | "flexible"): Subscription["billing_mode"] =>
  type === "flexible" ? { flexible: { proration_discounts: "included" }, type } : { flexible: null, type };
