import { invalidRequest, noSuch } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";

type Session = Kinds["billing_portal.session"];
type Configuration = Kinds["billing_portal.configuration"];
type Subscription = Kinds["subscription"];
type Method = Kinds["payment_method"];
type Feature = keyof Configuration["features"];

/** A customer in the portal, and what they may do there. */
export interface Portal {
  session: Session;
  features: Configuration["features"];
  customer: Kinds["customer"];
}

/** Links are good for an hour: they are made for one visit. */
const OPEN_SECONDS = 3600;

/** The portal behind a link. Throws when the link is unknown, too old, or its customer is gone. */
export function portalOf(tx: Transaction, id: string): Portal {
  const session = tx.need("billing_portal.session", id);
  const customer = tx.get("customer", session.customer);
  if (!customer || session.created + OPEN_SECONDS < tx.now)
    throw invalidRequest("This portal session has expired.");
  const { features } = tx.need("billing_portal.configuration", session.configuration);
  return { session, features, customer };
}

const NAMES: Record<Feature, string> = {
  customer_update: "customer update",
  invoice_history: "invoice history",
  payment_method_update: "payment method update",
  subscription_cancel: "subscription cancellation",
  subscription_pause: "subscription pause",
  subscription_update: "subscription update",
};

/** Refuses what the configuration does not offer. */
export function assertFeature({ features }: Pick<Portal, "features">, feature: Feature): void {
  if (features[feature].enabled) return;
  throw invalidRequest(
    `This is not possible because the ${NAMES[feature]} feature in your portal configuration is disabled.`,
  );
}

/** One of the customer's own subscriptions that is not over. */
export function ownSubscription(tx: Transaction, { customer }: Portal, id: string): Subscription {
  const subscription = tx.get("subscription", id);
  if (subscription?.customer !== customer.id) throw noSuch("subscription", id, "subscription");
  if (!isFinal("subscription", subscription.status)) return subscription;
  throw invalidRequest(`This subscription is ${subscription.status}: nothing about it can be changed.`, {
    param: "subscription",
  });
}

/** One of the customer's own methods. */
export function ownMethod(tx: Transaction, { customer }: Portal, id: string): Method {
  const method = tx.get("payment_method", id);
  if (method?.customer === customer.id) return method;
  throw noSuch("PaymentMethod", id, "payment_method");
}

/** The customer's subscriptions that are not over, newest first. */
export const liveSubscriptions = (tx: Transaction, customer: string): Subscription[] =>
  [...tx.newest("subscription", { index: "customer", key: customer })].filter(
    ({ status }) => !isFinal("subscription", status) && status !== "incomplete",
  );

/** The customer's methods, newest first. */
export const methodsOf = (tx: Transaction, customer: string): Method[] => [
  ...tx.newest("payment_method", { index: "customer", key: customer }),
];
