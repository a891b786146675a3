import { metadata } from "../metadata.ts";
import {
  currency,
  either,
  flag,
  type Infer,
  integer,
  notYet,
  object,
  oneOf,
  required,
  text,
  unsettable,
  url,
} from "../params.ts";
import { mandateData, methodData, methodTypes, noMethodTypes } from "./method-params.ts";
import { shipping } from "./shipping.ts";

const amount = integer({ min: 1 });
const descriptor = text({ max: 22 });

/** Parameters of Stripe's that no operation here knows yet. */
const unsupported = {
  amount_details: notYet(),
  application_fee_amount: notYet(),
  customer_account: notYet(),
  hooks: notYet(),
  payment_details: notYet(),
  payment_method_options: notYet(),
  transfer_data: notYet(),
};

/** Of creation and confirmation only. */
const unsupportedAtConfirmation = {
  confirmation_token: notYet(),
  error_on_requires_action: notYet(),
  mandate: notYet(),
  radar_options: notYet(),
  use_stripe_sdk: notYet(),
};

/** How a payment is confirmed, whether at once or later. */
const confirmation = {
  mandate_data: mandateData,
  off_session: either(flag, oneOf("one_off", "recurring")),
  payment_method: text(),
  payment_method_data: methodData,
  payment_method_types: noMethodTypes("PaymentIntents"),
  return_url: url,
};

export const createParams = {
  ...unsupported,
  ...unsupportedAtConfirmation,
  ...confirmation,
  allowed_payment_method_types: methodTypes,
  amount: required(amount),
  automatic_payment_methods: object({ allow_redirects: oneOf("always", "never"), enabled: required(flag) }),
  capture_method: oneOf("automatic", "automatic_async", "manual"),
  confirm: flag,
  confirmation_method: oneOf("automatic"),
  currency: required(currency),
  customer: text(),
  description: text({ max: 1000 }),
  excluded_payment_method_types: methodTypes,
  metadata,
  on_behalf_of: notYet(),
  payment_method_configuration: notYet(),
  receipt_email: text(),
  setup_future_usage: oneOf("off_session", "on_session"),
  shipping,
  statement_descriptor: descriptor,
  statement_descriptor_suffix: descriptor,
  transfer_group: text(),
};

export const updateParams = {
  ...unsupported,
  allowed_payment_method_types: methodTypes,
  amount,
  capture_method: oneOf("automatic", "automatic_async", "manual"),
  currency,
  customer: text(),
  description: text({ max: 1000 }),
  excluded_payment_method_types: unsettable(methodTypes),
  metadata,
  payment_method: text(),
  payment_method_configuration: notYet(),
  payment_method_data: methodData,
  payment_method_types: noMethodTypes("PaymentIntents"),
  receipt_email: unsettable(text()),
  setup_future_usage: unsettable(oneOf("off_session", "on_session")),
  shipping: unsettable(shipping),
  statement_descriptor: descriptor,
  statement_descriptor_suffix: descriptor,
  transfer_group: text(),
};

export const confirmParams = {
  ...unsupported,
  ...unsupportedAtConfirmation,
  ...confirmation,
  allowed_payment_method_types: methodTypes,
  amount_to_confirm: notYet(),
  capture_method: oneOf("automatic", "automatic_async", "manual"),
  excluded_payment_method_types: unsettable(methodTypes),
  receipt_email: unsettable(text()),
  setup_future_usage: unsettable(oneOf("off_session", "on_session")),
  shipping: unsettable(shipping),
};

export const captureParams = {
  amount_details: notYet(),
  amount_to_capture: amount,
  application_fee_amount: notYet(),
  final_capture: flag,
  hooks: notYet(),
  metadata,
  payment_details: notYet(),
  statement_descriptor: descriptor,
  statement_descriptor_suffix: descriptor,
  transfer_data: notYet(),
};

export const cancelParams = {
  cancellation_reason: oneOf("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
};

export const listFilters = { customer: text(), customer_account: notYet() };

export type CreateParams = Infer<typeof createParams>;
export type UpdateParams = Infer<typeof updateParams>;
export type ConfirmParams = Infer<typeof confirmParams>;
