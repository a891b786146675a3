import { customerDetails } from "../billing/checkout-order.ts";
import { priceAmount } from "../billing/pricing.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import type { Transaction } from "../transaction.ts";
import type { SessionParams } from "./checkout-session-params.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];

const DEFAULT_SECONDS = 24 * 3600;
const MIN_SECONDS = 30 * 60;

function expiry(tx: Transaction, wanted: number | undefined): number {
  const expires = wanted ?? tx.now + DEFAULT_SECONDS;
  // A caller's clock may be a few seconds off, as Stripe allows.
  if (expires < tx.now + MIN_SECONDS - 10) {
    throw invalidParameter(
      "expires_at",
      "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
    );
  }
  if (expires > tx.now + DEFAULT_SECONDS + 10) {
    throw invalidParameter(
      "expires_at",
      "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
    );
  }
  return expires;
}

function lineItem(
  tx: Transaction,
  item: NonNullable<SessionParams["line_items"]>[number],
  index: number,
): LineItem {
  const param = `line_items[${index}]`;
  if (!item.price)
    throw invalidParameter(
      `${param}[price]`,
      `Missing required param: ${param}[price].`,
      "parameter_missing",
    );
  const price = tx.need("price", item.price, `${param}[price]`);
  if (!price.active) {
    throw invalidRequest("The price specified is inactive. This field only accepts active prices.", {
      param: `${param}[price]`,
    });
  }
  if (!price.recurring)
    throw invalidParameter(
      `${param}[price]`,
      "The sandbox does not know one-time prices in subscription mode yet.",
    );
  if (item.quantity === undefined)
    throw invalidParameter(
      `${param}[quantity]`,
      `Quantity is required. Add \`quantity\` to \`${param}\``,
      "parameter_missing",
    );
  const amount = priceAmount(tx, price, item.quantity);
  return {
    id: newId("li"),
    object: "item",
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency: price.currency,
    description: tx.need("product", price.product).name,
    metadata: withMetadata({}, item.metadata),
    price,
    quantity: item.quantity,
  };
}

function assertPossible(tx: Transaction, params: SessionParams): void {
  if (params.mode !== "subscription") {
    throw invalidParameter("mode", `The sandbox does not know mode=${params.mode} yet.`);
  }
  if (!params.success_url)
    throw invalidParameter("success_url", "Missing required param: success_url.", "parameter_missing");
  if (!params.line_items?.length)
    throw invalidParameter("line_items", "Missing required param: line_items.", "parameter_missing");
  if (params.customer && params.customer_email) {
    throw invalidParameter(
      "customer_email",
      "You may only specify one of these parameters: customer, customer_email.",
      "parameters_exclusive",
    );
  }
  const { trial_end, trial_period_days } = params.subscription_data ?? {};
  if (trial_end !== undefined && trial_period_days !== undefined) {
    throw invalidParameter(
      "subscription_data[trial_end]",
      "You may only specify one of these parameters: trial_end, trial_period_days.",
      "parameters_exclusive",
    );
  }
  if (trial_end !== undefined && trial_end < tx.now + 48 * 3600) {
    throw invalidParameter(
      "subscription_data[trial_end]",
      "The `trial_end` date has to be at least 2 days in the future.",
    );
  }
}

/** A new session, open for payment on its page. */
export function createSession(tx: Transaction, params: SessionParams): Session {
  assertPossible(tx, params);
  const customer = params.customer ? tx.need("customer", params.customer, "customer") : null;
  const items = params.line_items!.map((item, index) => lineItem(tx, item, index));
  const currency = items[0]!.currency;
  if (items.some((item) => item.currency !== currency)) {
    throw invalidRequest("All prices on a subscription must have the same `currency`.", {
      param: "line_items",
    });
  }
  const trial = params.subscription_data?.trial_period_days ?? params.subscription_data?.trial_end;
  if (items.every((item) => item.amount_total === 0)) {
    throw invalidRequest("The sandbox does not know subscriptions that cost nothing yet.", {
      param: "line_items",
    });
  }
  const amount = trial ? 0 : items.reduce((sum, item) => sum + item.amount_total, 0);
  const email = customer?.email ?? params.customer_email ?? null;
  const id = newId("cs_test");
  const session = tx.insert("checkout.session", {
    id,
    object: "checkout.session",
    adaptive_pricing:
      params.adaptive_pricing?.enabled === undefined ? null : { enabled: params.adaptive_pricing.enabled },
    after_expiration: null,
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: params.allowed_payment_method_types ?? null,
    amount_subtotal: amount,
    amount_total: amount,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: params.billing_address_collection ?? null,
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: tx.now,
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: customer?.id ?? null,
    customer_account: null,
    customer_creation: null,
    customer_details: email || customer ? customerDetails(email, customer?.name ?? null) : null,
    customer_email: params.customer_email ?? null,
    discounts: [],
    ...(params.excluded_payment_method_types && {
      excluded_payment_method_types: params.excluded_payment_method_types,
    }),
    expires_at: expiry(tx, params.expires_at),
    integration_identifier: params.integration_identifier ?? null,
    invoice: null,
    invoice_creation: null,
    livemode: false,
    locale: params.locale ?? null,
    managed_payments: null,
    metadata: withMetadata({}, params.metadata),
    mode: "subscription",
    origin_context: params.origin_context ?? null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: params.payment_method_collection ?? "always",
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: "automatic" } },
    payment_method_types: ["card"],
    payment_status: "unpaid",
    permissions: null,
    phone_number_collection: params.phone_number_collection ?? { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: "open",
    submit_type: params.submit_type ?? null,
    subscription: null,
    success_url: params.success_url ?? null,
    ...(params.tax_id_collection && {
      tax_id_collection: { enabled: params.tax_id_collection.enabled, required: "never" },
    }),
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: "hosted_page",
    url: `${tx.environment.baseUrl}/c/pay/${id}`,
    wallet_options: null,
  });
  tx.insert("checkout_details", {
    id,
    line_items: items,
    subscription_data: subscriptionData(params),
    attempt: null,
  });
  return session;
}

function subscriptionData({
  subscription_data: data = {},
}: SessionParams): CheckoutDetails["subscription_data"] {
  return {
    description: data.description ?? null,
    metadata: withMetadata({}, data.metadata),
    trial_end: data.trial_end ?? null,
    trial_period_days: data.trial_period_days ?? null,
    missing_payment_method: data.trial_settings?.end_behavior.missing_payment_method ?? "create_invoice",
    billing_mode: data.billing_mode?.type ?? "flexible",
  };
}
