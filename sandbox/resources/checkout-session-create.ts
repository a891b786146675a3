import { DEBIT_CURRENCIES } from "../bank-debits.ts";
import { changeOrder } from "../billing/checkout/changes.ts";
import { assertRedeemable } from "../billing/checkout/discounts.ts";
import { customerDetails } from "../billing/checkout/outcome.ts";
import { createSetupIntent } from "../billing/payments/setup-intents.ts";
import { invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import type { Transaction } from "../transaction.ts";
import { newLineItem } from "./checkout-line-items.ts";
import type { SessionParams } from "./checkout-session-params.ts";
import { assertPossible, assertSellable, expiry } from "./checkout-session-rules.ts";
import { shippingOf } from "./shipping.ts";

type Session = Kinds["checkout.session"];

/** A new session, open for payment on its page. https://docs.stripe.com/api/checkout/sessions/create */
export function createSession(tx: Transaction, params: SessionParams): Session {
  assertPossible(tx, params);
  const customer = params.customer ? tx.need("customer", params.customer, "customer") : null;
  const items = (params.line_items ?? []).map((item, index) => newLineItem(tx, item, `line_items[${index}]`));
  assertSellable(params.mode, items, params.subscription_data?.billing_mode?.type);
  const currency = params.currency ?? items[0]?.currency ?? null;
  const id = newId("cs_test");
  tx.insert("checkout_details", {
    id,
    line_items: items.map((item) => ({ ...item, currency: currency! })),
    subscription_data: subscriptionData(params),
    payment_data: paymentData(params),
    updates_name: params.customer_update?.name === "auto",
    payer: { email: null, name: null },
    attempt: null,
  });
  const email = customer?.email ?? params.customer_email ?? null;
  const session = tx.insert("checkout.session", {
    ...EMPTY,
    ...asGiven(params),
    ...byMode(params),
    id,
    created: tx.now,
    currency,
    payment_method_types: methodTypes(params, currency),
    customer: customer?.id ?? null,
    customer_details: email || customer ? customerDetails(email, customer?.name ?? null) : null,
    expires_at: expiry(tx, params.expires_at),
    metadata: withMetadata({}, params.metadata),
    url: `${tx.environment.baseUrl}/c/pay/${id}`,
  });
  return params.mode === "setup" ? withSetup(tx, session, params) : priced(tx, session, params);
}

/** A setup intent is there from the beginning; a payment intent comes when the session is paid. */
function withSetup(tx: Transaction, session: Session, { setup_intent_data: data }: SessionParams): Session {
  const intent = createSetupIntent(tx, {
    customer: session.customer,
    description: data?.description ?? null,
    metadata: withMetadata({}, data?.metadata),
    payment_method_types: session.payment_method_types,
  });
  return tx.update("checkout.session", session.id, { setup_intent: intent.id });
}

/** The session with its amounts, and the discount it begins with. */
function priced(tx: Transaction, session: Session, { discounts: given }: SessionParams): Session {
  const plain = changeOrder(tx, session, {});
  if (!given?.length) return plain;
  const discounts = given.map(({ coupon = null, promotion_code = null }) => ({ coupon, promotion_code }));
  assertRedeemable(tx, plain, discounts);
  return changeOrder(tx, plain, { discounts });
}

/** How a session can be completed: with cards, and with bank accounts of its currency. */
function methodTypes(params: SessionParams, currency: string | null): string[] {
  const { allowed_payment_method_types: allowed, excluded_payment_method_types: excluded = [] } = params;
  const debits = Object.entries(DEBIT_CURRENCIES).filter(([, paid]) => paid === currency);
  const types = ["card", ...debits.map(([type]) => type)].filter(
    (type) => !excluded.includes(type) && (allowed?.includes(type) ?? true),
  );
  if (types.length > 0) return types;
  throw invalidRequest("No payment method type of this Checkout Session can be used.", {
    param: allowed ? "allowed_payment_method_types" : "excluded_payment_method_types",
  });
}

/** What every new session has. */
const EMPTY = {
  object: "checkout.session",
  amount_subtotal: null,
  amount_total: null,
  automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  client_secret: null,
  collected_information: null,
  consent: null,
  consent_collection: null,
  currency_conversion: null,
  custom_fields: [],
  customer_account: null,
  invoice: null,
  livemode: false,
  managed_payments: null,
  payment_intent: null,
  payment_link: null,
  payment_method_configuration_details: null,
  payment_method_options: { card: { request_three_d_secure: "automatic" } },
  permissions: null,
  recovered_from: null,
  saved_payment_method_options: null,
  setup_intent: null,
  shipping_address_collection: null,
  shipping_cost: null,
  shipping_options: [],
  status: "open",
  subscription: null,
  total_details: null,
  ui_mode: "hosted_page",
  wallet_options: null,
} satisfies Partial<Session>;

/** What a session repeats of its parameters. */
function asGiven(params: SessionParams) {
  const { adaptive_pricing, after_expiration, excluded_payment_method_types, tax_id_collection } = params;
  const { custom_text: texts = {} } = params;
  return {
    adaptive_pricing: adaptive_pricing?.enabled === undefined ? null : { enabled: adaptive_pricing.enabled },
    after_expiration: after_expiration?.recovery
      ? {
          recovery: {
            allow_promotion_codes: false,
            ...after_expiration.recovery,
            expires_at: null,
            url: null,
          },
        }
      : null,
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: params.allowed_payment_method_types ?? null,
    billing_address_collection: params.billing_address_collection ?? null,
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    custom_text: {
      after_submit: texts.after_submit ?? null,
      shipping_address: texts.shipping_address ?? null,
      submit: texts.submit ?? null,
      terms_of_service_acceptance: texts.terms_of_service_acceptance ?? null,
    },
    customer_email: params.customer_email ?? null,
    discounts: [],
    ...(excluded_payment_method_types && { excluded_payment_method_types }),
    integration_identifier: params.integration_identifier ?? null,
    locale: params.locale ?? null,
    mode: params.mode,
    origin_context: params.origin_context ?? null,
    phone_number_collection: params.phone_number_collection ?? { enabled: false },
    submit_type: params.submit_type ?? null,
    success_url: params.success_url ?? null,
    ...(tax_id_collection && {
      tax_id_collection: { enabled: tax_id_collection.enabled, required: "never" as const },
    }),
  };
}

/** What depends on what the session is for. */
function byMode(params: SessionParams) {
  const { mode, customer } = params;
  const creation = params.customer_creation ?? (mode === "subscription" ? "always" : "if_required");
  return {
    customer_creation: customer ? null : creation,
    invoice_creation: mode === "payment" ? invoiceCreation(params) : null,
    payment_method_collection:
      params.payment_method_collection ?? (mode === "payment" ? "if_required" : "always"),
    payment_status: mode === "setup" ? ("no_payment_required" as const) : ("unpaid" as const),
  } satisfies Partial<Session>;
}

function invoiceCreation({ invoice_creation: given }: SessionParams): Session["invoice_creation"] {
  const data = given?.invoice_data ?? {};
  return {
    enabled: given?.enabled ?? false,
    invoice_data: {
      account_tax_ids: null,
      custom_fields: data.custom_fields ?? null,
      description: data.description ?? null,
      footer: data.footer ?? null,
      issuer: null,
      metadata: withMetadata({}, data.metadata),
      rendering_options: null,
    },
  };
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

function paymentData({ payment_intent_data: data = {} }: SessionParams): CheckoutDetails["payment_data"] {
  return {
    capture_method: data.capture_method ?? "automatic_async",
    description: data.description ?? null,
    metadata: withMetadata({}, data.metadata),
    receipt_email: data.receipt_email ?? null,
    setup_future_usage: data.setup_future_usage ?? null,
    shipping: shippingOf(data.shipping),
    statement_descriptor: data.statement_descriptor ?? null,
    statement_descriptor_suffix: data.statement_descriptor_suffix ?? null,
  };
}
