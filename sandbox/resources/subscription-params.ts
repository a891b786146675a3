import { metadata } from "../metadata.ts";
import {
  currency,
  either,
  flag,
  integer,
  list,
  notYet,
  object,
  oneOf,
  required,
  text,
  timestamp,
  unsettable,
} from "../params.ts";
import {
  collectionMethod,
  discounts,
  feedback,
  missingPaymentMethod,
  noAutomaticTax,
  prorationBehavior,
  recurrence,
  taxBehavior,
} from "./common-params.ts";
import { amountDecimal } from "./price-params.ts";

/** Prices that are described where they are used. */
const priceData = {
  currency: required(currency),
  product: required(text()),
  tax_behavior: taxBehavior,
  unit_amount: integer({ min: 0, max: 99_999_999_999 }),
  unit_amount_decimal: amountDecimal,
};

const recurringPriceData = object({
  ...priceData,
  recurring: required(object(recurrence)),
});

const quantity = integer({ min: 0, max: 999_999 });

/** An item of a new subscription. */
export const newItemParams = {
  billing_thresholds: notYet(),
  current_trial: notYet(),
  discounts,
  metadata,
  plan: text(),
  price: text(),
  price_data: recurringPriceData,
  quantity,
  tax_rates: notYet(),
};

/** An item of a subscription that exists: one with an `id` is changed, one without is added. */
export const itemChangeParams = { ...newItemParams, clear_usage: flag, deleted: flag, id: text() };

const extraPeriod = object({
  end: required(object({ timestamp, type: required(oneOf("min_item_period_end", "timestamp")) })),
  start: required(object({ timestamp, type: required(oneOf("max_item_period_start", "now", "timestamp")) })),
});

export const extraItems = list(
  object({
    discountable: flag,
    discounts,
    metadata,
    period: extraPeriod,
    price: text(),
    price_data: object(priceData),
    quantity,
    tax_rates: notYet(),
  }),
);

export const paymentBehavior = oneOf(
  "allow_incomplete",
  "default_incomplete",
  "error_if_incomplete",
  "pending_if_incomplete",
);

const cancelAt = either(oneOf("max_billed_until", "max_period_end", "min_period_end"), timestamp);

const trialEnd = either(oneOf("now"), timestamp);

export const billingMode = object({
  flexible: object({ proration_discounts: oneOf("included") }),
  type: required(oneOf("classic", "flexible")),
});

const trialSettings = object({
  end_behavior: required(
    object({
      billing_cycle_anchor: notYet(),
      missing_payment_method: required(missingPaymentMethod),
    }),
  ),
});

const paymentSettings = object({
  payment_method_options: notYet(),
  payment_method_types: unsettable(list(oneOf("card", "link", "sepa_debit", "us_bank_account"))),
  save_default_payment_method: oneOf("off", "on_subscription"),
});

/** What both a new and an existing subscription take. */
const commonParams = {
  add_invoice_items: extraItems,
  application_fee_percent: notYet(),
  automatic_tax: noAutomaticTax,
  billing_schedules: notYet(),
  billing_thresholds: notYet(),
  cancel_at_period_end: flag,
  collection_method: collectionMethod,
  days_until_due: integer({ min: 0, max: 365 }),
  default_payment_method: text(),
  default_source: notYet(),
  default_tax_rates: notYet(),
  discounts,
  invoice_settings: notYet(),
  metadata,
  off_session: flag,
  on_behalf_of: notYet(),
  payment_behavior: paymentBehavior,
  payment_settings: paymentSettings,
  pending_invoice_item_interval: notYet(),
  proration_behavior: prorationBehavior,
  transfer_data: notYet(),
  trial_end: trialEnd,
  trial_from_plan: flag,
  trial_settings: trialSettings,
};

/** What `POST /v1/subscriptions` takes. https://docs.stripe.com/api/subscriptions/create */
export const createParams = {
  ...commonParams,
  backdate_start_date: notYet(),
  billing_cycle_anchor: timestamp,
  billing_cycle_anchor_config: notYet(),
  billing_mode: billingMode,
  cancel_at: cancelAt,
  currency,
  customer: required(text()),
  customer_account: notYet(),
  description: text({ max: 500 }),
  items: required(list(object(newItemParams))),
  trial_period_days: integer({ min: 0, max: 730 }),
};

const cancellationDetails = object({
  comment: unsettable(text()),
  feedback: unsettable(feedback),
  feedback_option: notYet(),
});

/** What `POST /v1/subscriptions/:id` takes. https://docs.stripe.com/api/subscriptions/update */
export const updateParams = {
  ...commonParams,
  billing_cycle_anchor: object({ type: required(oneOf("now", "unchanged")) }),
  cancel_at: unsettable(cancelAt),
  cancellation_details: cancellationDetails,
  default_payment_method: unsettable(text()),
  description: unsettable(text({ max: 500 })),
  items: list(object(itemChangeParams)),
  pause_collection: unsettable(
    object({
      behavior: required(oneOf("keep_as_draft", "mark_uncollectible", "void")),
      resumes_at: timestamp,
    }),
  ),
  proration_date: timestamp,
  trial_from_plan: notYet(),
};

/** What `DELETE /v1/subscriptions/:id` takes. https://docs.stripe.com/api/subscriptions/cancel */
export const cancelParams = {
  cancellation_details: cancellationDetails,
  invoice_now: flag,
  prorate: flag,
};

/** A change, or a new subscription, that `POST /v1/invoices/create_preview` looks ahead to. */
export const previewedSubscription = object({
  billing_cycle_anchor: object({ timestamp, type: required(oneOf("now", "timestamp", "unchanged")) }),
  billing_mode: billingMode,
  billing_schedules: notYet(),
  cancel_at: unsettable(cancelAt),
  cancel_at_period_end: flag,
  cancel_now: flag,
  default_tax_rates: notYet(),
  items: list(object(itemChangeParams)),
  metadata,
  pause: notYet(),
  proration_behavior: prorationBehavior,
  proration_date: timestamp,
  resume_at: oneOf("now"),
  start_date: notYet(),
  trial_end: trialEnd,
});
