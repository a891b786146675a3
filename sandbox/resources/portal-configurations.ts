import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { page, pageParams } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import {
  flag,
  type Infer,
  integer,
  list,
  notYet,
  object,
  oneOf,
  required,
  text,
  unsettable,
  url,
} from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { feedback, prorationBehavior } from "./common-params.ts";

type Configuration = Kinds["billing_portal.configuration"];
type Features = Configuration["features"];

const updates = oneOf("address", "email", "name", "phone", "shipping", "tax_id");

const product = object({
  adjustable_quantity: object({
    enabled: required(flag),
    maximum: integer({ min: 1 }),
    minimum: integer({ min: 1 }),
  }),
  prices: required(list(text())),
  product: required(text()),
});

const features = object({
  customer_update: object({ allowed_updates: unsettable(list(updates)), enabled: flag }),
  invoice_history: object({ enabled: required(flag) }),
  payment_method_update: object({ enabled: required(flag), payment_method_configuration: notYet() }),
  subscription_cancel: object({
    cancellation_reason: object({
      enabled: required(flag),
      feedback_options: notYet(),
      options: unsettable(list(feedback)),
    }),
    enabled: flag,
    mode: oneOf("at_period_end", "immediately"),
    proration_behavior: prorationBehavior,
  }),
  subscription_pause: object({
    duration: object({ interval_options: notYet(), type: required(oneOf("indefinite")) }),
    enabled: flag,
  }),
  subscription_update: object({
    billing_cycle_anchor: oneOf("now", "unchanged"),
    default_allowed_updates: unsettable(list(oneOf("price", "promotion_code", "quantity"))),
    enabled: flag,
    products: unsettable(list(product)),
    proration_behavior: prorationBehavior,
    schedule_at_period_end: notYet(),
    trial_update_behavior: oneOf("continue_trial", "end_trial"),
  }),
});

const fields = {
  business_profile: object({
    headline: unsettable(text({ max: 60 })),
    privacy_policy_url: unsettable(url),
    terms_of_service_url: unsettable(url),
  }),
  default_return_url: unsettable(url),
  login_page: object({ enabled: required(flag) }),
  metadata,
  name: unsettable(text()),
};

const createParams = { ...fields, features: required(features) };
const updateParams = { ...fields, active: flag, features };

const DEFAULT_FEATURES: Features = {
  customer_update: { allowed_updates: [], enabled: false },
  invoice_history: { enabled: false },
  payment_method_update: { enabled: false, payment_method_configuration: null },
  subscription_cancel: {
    cancellation_reason: { enabled: false, feedback_options: null, options: [] },
    enabled: false,
    mode: "at_period_end",
    proration_behavior: "none",
  },
  subscription_pause: { enabled: false, duration: { type: "indefinite", interval_options: [] } },
  subscription_update: {
    billing_cycle_anchor: null,
    default_allowed_updates: [],
    enabled: false,
    products: [],
    proration_behavior: "none",
    schedule_at_period_end: { conditions: [] },
    trial_update_behavior: "end_trial",
  },
};

/** Each feature as it was, with what the request says about it. */
function withFeatures(before: Features, given: Infer<typeof updateParams>["features"] = {}): Features {
  const { customer_update, invoice_history, payment_method_update, subscription_cancel } = given;
  const { cancellation_reason, ...cancel } = subscription_cancel ?? {};
  const { default_allowed_updates, products, ...update } = given.subscription_update ?? {};
  return {
    customer_update: {
      ...before.customer_update,
      ...(customer_update?.enabled !== undefined && { enabled: customer_update.enabled }),
      ...(customer_update?.allowed_updates !== undefined && {
        allowed_updates: customer_update.allowed_updates ?? [],
      }),
    },
    invoice_history: { ...before.invoice_history, ...invoice_history },
    payment_method_update: { ...before.payment_method_update, ...payment_method_update },
    subscription_cancel: {
      ...before.subscription_cancel,
      ...cancel,
      ...(cancellation_reason && {
        cancellation_reason: {
          ...before.subscription_cancel.cancellation_reason,
          enabled: cancellation_reason.enabled,
          ...(cancellation_reason.options !== undefined && { options: cancellation_reason.options ?? [] }),
        },
      }),
    },
    subscription_pause: {
      ...before.subscription_pause,
      ...(given.subscription_pause?.enabled !== undefined && { enabled: given.subscription_pause.enabled }),
    },
    subscription_update: {
      ...before.subscription_update,
      ...update,
      ...(default_allowed_updates !== undefined && {
        default_allowed_updates: default_allowed_updates ?? [],
      }),
      ...(products !== undefined && {
        products: (products ?? []).map(({ adjustable_quantity: given, ...product }) => ({
          ...product,
          adjustable_quantity: { enabled: false, maximum: null, minimum: 1, ...given },
        })),
      }),
    },
  };
}

function create(tx: Transaction, params: Infer<typeof createParams>): Configuration {
  const id = newId("bpc");
  const configuration = tx.insert("billing_portal.configuration", {
    id,
    object: "billing_portal.configuration",
    active: true,
    application: null,
    business_profile: {
      headline: null,
      privacy_policy_url: null,
      terms_of_service_url: null,
      ...params.business_profile,
    },
    created: tx.now,
    default_return_url: params.default_return_url ?? null,
    features: withFeatures(DEFAULT_FEATURES, params.features),
    is_default: tx.newest("billing_portal.configuration").next().done === true,
    livemode: false,
    login_page: loginPage(tx, id, params.login_page?.enabled ?? false),
    metadata: withMetadata({}, params.metadata),
    name: params.name ?? null,
    updated: tx.now,
  });
  tx.emit("billing_portal.configuration.created", configuration);
  return configuration;
}

function loginPage(tx: Transaction, id: string, enabled: boolean): Configuration["login_page"] {
  return { enabled, url: enabled ? `${tx.environment.baseUrl}/p/login/${id}` : null };
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Configuration {
  const before = tx.need("billing_portal.configuration", id);
  const { business_profile, features, login_page, metadata, ...plain } = params;
  return tx.update(
    "billing_portal.configuration",
    id,
    {
      ...plain,
      business_profile: { ...before.business_profile, ...business_profile },
      features: withFeatures(before.features, features),
      ...(login_page && { login_page: loginPage(tx, id, login_page.enabled) }),
      metadata: withMetadata(before.metadata ?? {}, metadata),
      updated: tx.now,
    },
    "billing_portal.configuration.updated",
  );
}

export const portalConfigurationRoutes: Route[] = [
  route("POST", "/v1/billing_portal/configurations", createParams, create),
  route(
    "GET",
    "/v1/billing_portal/configurations",
    { ...pageParams, active: flag, is_default: flag },
    (tx, params) => {
      const { active, is_default } = params;
      const keep = (row: Configuration) =>
        (active === undefined || row.active === active) &&
        (is_default === undefined || row.is_default === is_default);
      return page(
        tx,
        { kind: "billing_portal.configuration", url: "/v1/billing_portal/configurations", keep },
        params,
      );
    },
  ),
  route("GET", "/v1/billing_portal/configurations/:id", {}, (tx, _params, { id = "" }) =>
    tx.need("billing_portal.configuration", id),
  ),
  route("POST", "/v1/billing_portal/configurations/:id", updateParams, (tx, params, { id = "" }) =>
    update(tx, params, id),
  ),
];
