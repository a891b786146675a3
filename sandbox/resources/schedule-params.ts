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
  type Param,
  required,
  type Shape,
  text,
  timestamp,
  unsettable,
} from "../params.ts";
import {
  collectionMethod,
  discounts,
  noAutomaticTax,
  prorationBehavior,
  recurrence,
} from "./common-params.ts";
import { billingMode, extraItems, newItemParams } from "./subscription-params.ts";

const anchor = oneOf("automatic", "phase_start");

const invoiceSettings = object({
  account_tax_ids: notYet(),
  custom_fields: notYet(),
  days_until_due: integer({ min: 0, max: 365 }),
  description: notYet(),
  footer: notYet(),
  issuer: notYet(),
});

const defaultSettings = object({
  application_fee_percent: notYet(),
  automatic_tax: noAutomaticTax,
  billing_cycle_anchor: anchor,
  billing_thresholds: notYet(),
  collection_method: collectionMethod,
  default_payment_method: text(),
  description: unsettable(text({ max: 500 })),
  invoice_settings: invoiceSettings,
  on_behalf_of: notYet(),
  transfer_data: notYet(),
});

const phase = {
  add_invoice_items: extraItems,
  application_fee_percent: notYet(),
  automatic_tax: noAutomaticTax,
  billing_cycle_anchor: anchor,
  billing_thresholds: notYet(),
  collection_method: collectionMethod,
  currency,
  default_payment_method: text(),
  default_tax_rates: notYet(),
  description: unsettable(text({ max: 500 })),
  discounts,
  duration: object(recurrence),
  invoice_settings: invoiceSettings,
  items: required(list(object({ ...newItemParams, discounts: notYet() }))),
  metadata,
  on_behalf_of: notYet(),
  proration_behavior: prorationBehavior,
  transfer_data: notYet(),
  trial: flag,
};

const moment: Param<number | "now"> = either(oneOf("now"), timestamp);

const common = {
  default_settings: defaultSettings,
  end_behavior: oneOf("cancel", "none", "release", "renew"),
  metadata,
  pause_schedules: notYet(),
} satisfies Shape;

/** What `POST /v1/subscription_schedules` takes. https://docs.stripe.com/api/subscription_schedules/create */
export const createParams = {
  ...common,
  billing_mode: billingMode,
  customer: text(),
  customer_account: notYet(),
  from_subscription: text(),
  phases: list(object({ ...phase, end_date: timestamp, trial_end: timestamp })),
  start_date: moment,
};

export const phaseChange = { ...phase, end_date: moment, start_date: moment, trial_end: moment };

/** What `POST /v1/subscription_schedules/:id` takes. https://docs.stripe.com/api/subscription_schedules/update */
export const updateParams = {
  ...common,
  phases: list(object(phaseChange)),
  proration_behavior: prorationBehavior,
};
