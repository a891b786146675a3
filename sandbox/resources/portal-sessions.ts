import { assertFlow } from "../billing/portal/flows.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { type Infer, integer, list, notYet, object, oneOf, required, text, url } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { portalLocale } from "./locales.ts";

type Session = Kinds["billing_portal.session"];
type Configuration = Kinds["billing_portal.configuration"];
type Flow = NonNullable<Session["flow"]>;

const ofSubscription = object({ subscription: required(text()) });

const flowData = object({
  after_completion: object({
    hosted_confirmation: object({ custom_message: text({ max: 500 }) }),
    redirect: object({ return_url: required(url) }),
    type: required(oneOf("hosted_confirmation", "portal_homepage", "redirect")),
  }),
  subscription_cancel: object({ retention: notYet(), subscription: required(text()) }),
  subscription_pause: notYet(),
  subscription_update: ofSubscription,
  subscription_update_confirm: object({
    discounts: list(object({ coupon: text(), promotion_code: text() })),
    items: required(list(object({ id: required(text()), price: text(), quantity: integer({ min: 0 }) }))),
    subscription: required(text()),
  }),
  type: required(
    oneOf(
      "customer_update",
      "payment_method_update",
      "subscription_cancel",
      "subscription_pause",
      "subscription_update",
      "subscription_update_confirm",
    ),
  ),
});

const createParams = {
  after_expiration: notYet(),
  configuration: text(),
  customer: required(text()),
  customer_account: notYet(),
  flow_data: flowData,
  locale: portalLocale,
  on_behalf_of: notYet(),
  return_url: url,
};

type FlowData = NonNullable<Infer<typeof createParams>["flow_data"]>;

/** The configuration that is asked for, or the account's default. */
function configurationOf(tx: Transaction, id: string | undefined): Configuration {
  if (id) {
    const found = tx.need("billing_portal.configuration", id, "configuration");
    if (found.active) return found;
    throw invalidRequest("The portal configuration is inactive. Activate it to use it.", {
      param: "configuration",
    });
  }
  for (const configuration of tx.newest("billing_portal.configuration")) {
    if (configuration.is_default && configuration.active) return configuration;
  }
  throw invalidRequest(
    "No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.",
  );
}

const NOT_YET = new Set(["customer_update", "subscription_pause"]);

/** The flow as the session shows it: every part of the other flows is null. */
function flowOf(data: FlowData): Flow {
  const { type, after_completion: after, subscription_update_confirm: confirm } = data;
  if (NOT_YET.has(type)) {
    throw invalidParameter("flow_data[type]", `The sandbox does not know the flow ${type} yet.`);
  }
  if (type !== "payment_method_update" && !data[type as "subscription_cancel"]) {
    const param = `flow_data[${type}]`;
    throw invalidParameter(param, `Missing required param: ${param}.`, "parameter_missing");
  }
  return {
    after_completion: {
      hosted_confirmation: after?.hosted_confirmation
        ? { custom_message: after.hosted_confirmation.custom_message ?? null }
        : null,
      redirect: after?.redirect ?? null,
      type: after?.type ?? "portal_homepage",
    },
    customer_update: null,
    subscription_cancel: data.subscription_cancel
      ? { retention: null, subscription: data.subscription_cancel.subscription }
      : null,
    subscription_pause: null,
    subscription_update: data.subscription_update ?? null,
    subscription_update_confirm: confirm
      ? {
          discounts:
            confirm.discounts?.map(({ coupon = null, promotion_code = null }) => ({
              coupon,
              promotion_code,
            })) ?? null,
          items: confirm.items.map(({ id, price = null, quantity }) => ({
            id,
            price,
            ...(quantity !== undefined && { quantity }),
          })),
          subscription: confirm.subscription,
        }
      : null,
    type,
  };
}

/** A link to the portal for one customer. https://docs.stripe.com/api/customer_portal/sessions/create */
function create(tx: Transaction, params: Infer<typeof createParams>): Session {
  const { id: customer } = tx.need("customer", params.customer, "customer");
  const configuration = configurationOf(tx, params.configuration);
  const id = newId("bps");
  const session: Session = {
    id,
    object: "billing_portal.session",
    configuration: configuration.id,
    created: tx.now,
    customer,
    customer_account: null,
    flow: params.flow_data ? flowOf(params.flow_data) : null,
    livemode: false,
    locale: params.locale ?? null,
    on_behalf_of: null,
    return_url: params.return_url ?? configuration.default_return_url ?? null,
    url: `${tx.environment.baseUrl}/p/session/${id}`,
  };
  assertFlow(tx, session);
  tx.insert("billing_portal.session", session);
  tx.emit("billing_portal.session.created", session);
  return session;
}

export const portalSessionRoutes: Route[] = [
  route("POST", "/v1/billing_portal/sessions", createParams, create),
];
