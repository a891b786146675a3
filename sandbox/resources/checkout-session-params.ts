import { invalidParameter } from "../errors.ts";
import { metadata } from "../metadata.ts";
import {
  currency,
  flag,
  type Infer,
  integer,
  list,
  notYet,
  object,
  oneOf,
  type Param,
  required,
  text,
  timestamp,
  unsettable,
  url,
} from "../params.ts";
import { lineItems, updatedLineItems } from "./checkout-line-items.ts";
import { customFields, missingPaymentMethod, noAutomaticTax } from "./common-params.ts";
import { checkoutLocale } from "./locales.ts";
import { shipping } from "./shipping.ts";

/** Since the endive version methods are chosen dynamically; the old parameter is refused by name. */
const paymentMethodTypes: Param<never> = {
  read() {
    throw invalidParameter(
      "payment_method_types",
      "The `payment_method_types` parameter is no longer supported on Checkout Sessions. Use dynamic payment methods, `allowed_payment_method_types` or `excluded_payment_method_types` instead.",
      "payment_method_types_no_longer_supported",
    );
  },
};

const subscriptionData = object({
  application_fee_percent: notYet(),
  billing_cycle_anchor: notYet(),
  billing_cycle_anchor_config: notYet(),
  billing_mode: object({
    flexible: object({ proration_discounts: oneOf("included", "itemized") }),
    type: required(oneOf("classic", "flexible")),
  }),
  default_tax_rates: notYet(),
  description: text({ max: 500 }),
  invoice_settings: notYet(),
  metadata,
  on_behalf_of: notYet(),
  pending_invoice_item_interval: notYet(),
  proration_behavior: oneOf("create_prorations", "none"),
  transfer_data: notYet(),
  trial_end: timestamp,
  trial_period_days: integer({ min: 1, max: 730 }),
  trial_settings: object({
    end_behavior: required(object({ missing_payment_method: required(missingPaymentMethod) })),
  }),
});

const paymentIntentData = object({
  application_fee_amount: notYet(),
  capture_method: oneOf("automatic", "automatic_async", "manual"),
  description: text({ max: 1000 }),
  metadata,
  on_behalf_of: notYet(),
  receipt_email: text({ max: 800 }),
  setup_future_usage: oneOf("off_session", "on_session"),
  shipping,
  statement_descriptor: text({ max: 22 }),
  statement_descriptor_suffix: text({ max: 22 }),
  transfer_data: notYet(),
  transfer_group: notYet(),
});

const invoiceCreation = object({
  enabled: required(flag),
  invoice_data: object({
    account_tax_ids: notYet(),
    custom_fields: customFields,
    description: text({ max: 1500 }),
    footer: text({ max: 5000 }),
    issuer: notYet(),
    metadata,
    rendering_options: notYet(),
  }),
});

const message = unsettable(object({ message: required(text({ max: 1200 })) }));

/** What `POST /v1/checkout/sessions` takes. https://docs.stripe.com/api/checkout/sessions/create */
export const createParams = {
  adaptive_pricing: object({ enabled: flag }),
  after_expiration: object({
    recovery: object({ allow_promotion_codes: flag, enabled: required(flag) }),
  }),
  allow_promotion_codes: flag,
  allowed_payment_method_types: list(text()),
  automatic_tax: noAutomaticTax,
  billing_address_collection: oneOf("auto", "required"),
  branding_settings: notYet(),
  cancel_url: url,
  client_reference_id: text({ max: 200 }),
  consent_collection: notYet(),
  currency,
  custom_fields: notYet(),
  custom_text: object({
    after_submit: message,
    shipping_address: message,
    submit: message,
    terms_of_service_acceptance: message,
  }),
  customer: text(),
  customer_account: notYet(),
  customer_creation: oneOf("always", "if_required"),
  customer_email: text({ max: 800, pattern: /^[^@\s]+@[^@\s]+$/ }),
  customer_update: object({
    address: oneOf("auto", "never"),
    name: oneOf("auto", "never"),
    shipping: oneOf("auto", "never"),
  }),
  discounts: list(object({ coupon: text(), promotion_code: text() })),
  excluded_payment_method_types: list(text()),
  expires_at: timestamp,
  integration_identifier: text({ max: 200 }),
  invoice_creation: invoiceCreation,
  line_items: lineItems,
  locale: checkoutLocale,
  managed_payments: notYet(),
  metadata,
  mode: required(oneOf("payment", "setup", "subscription")),
  name_collection: notYet(),
  optional_items: notYet(),
  origin_context: oneOf("mobile_app", "web"),
  payment_intent_data: paymentIntentData,
  payment_method_collection: oneOf("always", "if_required"),
  payment_method_configuration: text(),
  payment_method_data: notYet(),
  payment_method_options: notYet(),
  payment_method_types: paymentMethodTypes,
  permissions: notYet(),
  phone_number_collection: object({ enabled: required(flag) }),
  redirect_on_completion: notYet(),
  return_url: notYet(),
  saved_payment_method_options: notYet(),
  setup_intent_data: object({ description: text({ max: 1000 }), metadata, on_behalf_of: notYet() }),
  shipping_address_collection: notYet(),
  shipping_options: notYet(),
  submit_type: oneOf("auto", "book", "donate", "pay", "subscribe"),
  subscription_data: subscriptionData,
  success_url: url,
  tax_id_collection: object({ enabled: required(flag) }),
  ui_mode: oneOf("hosted_page"),
  wallet_options: unsettable(notYet()),
};

export type SessionParams = Infer<typeof createParams>;

/** What an open session may still be changed in. */
export const updateParams = {
  collected_information: notYet(),
  line_items: updatedLineItems,
  metadata,
  payment_intent_data: notYet(),
  shipping_options: notYet(),
};
