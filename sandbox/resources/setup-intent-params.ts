import { metadata } from "../metadata.ts";
import { flag, notYet, object, oneOf, required, text, unsettable, url } from "../params.ts";
import { mandateData, methodData, methodTypes, noMethodTypes } from "./method-params.ts";

const method = {
  payment_method: text(),
  payment_method_data: methodData,
  payment_method_options: notYet(),
  payment_method_types: noMethodTypes("SetupIntents"),
};

export const createParams = {
  ...method,
  allowed_payment_method_types: methodTypes,
  attach_to_self: notYet(),
  automatic_payment_methods: object({ allow_redirects: oneOf("always", "never"), enabled: required(flag) }),
  confirm: flag,
  confirmation_token: notYet(),
  customer: text(),
  customer_account: notYet(),
  description: text({ max: 1000 }),
  excluded_payment_method_types: methodTypes,
  flow_directions: notYet(),
  mandate_data: mandateData,
  metadata,
  on_behalf_of: notYet(),
  payment_method_configuration: notYet(),
  return_url: url,
  single_use: notYet(),
  usage: oneOf("off_session", "on_session"),
  use_stripe_sdk: notYet(),
};

export const updateParams = {
  ...method,
  allowed_payment_method_types: unsettable(methodTypes),
  attach_to_self: notYet(),
  customer: text(),
  customer_account: notYet(),
  description: text({ max: 1000 }),
  excluded_payment_method_types: unsettable(methodTypes),
  flow_directions: notYet(),
  metadata,
  payment_method_configuration: notYet(),
};

export const confirmParams = {
  ...method,
  allowed_payment_method_types: methodTypes,
  confirmation_token: notYet(),
  mandate_data: mandateData,
  return_url: url,
  use_stripe_sdk: notYet(),
};

export const cancelParams = {
  cancellation_reason: oneOf("abandoned", "duplicate", "requested_by_customer"),
};

export const listFilters = {
  attach_to_self: notYet(),
  customer: text(),
  customer_account: notYet(),
  payment_method: text(),
};
