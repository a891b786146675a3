import { type Cancellation, cancelNow } from "../billing/cancellation.ts";
import { updateSubscription } from "../billing/subscription-changes.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { flag, type Infer, notYet, object, oneOf, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { create } from "./subscription-create.ts";
import { createParams } from "./subscription-params.ts";

type Subscription = Kinds["subscription"];

const cancellationDetails = object({
  comment: unsettable(text()),
  feedback: unsettable(
    oneOf(
      "customer_service",
      "low_quality",
      "missing_features",
      "other",
      "switched_service",
      "too_complex",
      "too_expensive",
      "unused",
    ),
  ),
});

const updateParams = {
  cancel_at: notYet(),
  cancel_at_period_end: flag,
  cancellation_details: cancellationDetails,
  default_payment_method: text(),
  description: unsettable(text({ max: 500 })),
  items: notYet(),
  metadata,
  pause_collection: notYet(),
  payment_behavior: notYet(),
  proration_behavior: oneOf("always_invoice", "create_prorations", "none"),
  trial_end: notYet(),
};

const cancelParams = {
  cancellation_details: cancellationDetails,
  invoice_now: flag,
  prorate: flag,
};

const cancellation = (given: Infer<typeof cancelParams>["cancellation_details"]): Cancellation => ({
  comment: given?.comment ?? null,
  feedback: given?.feedback ?? null,
});

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Subscription {
  const before = tx.need("subscription", id);
  const { cancel_at_period_end, cancellation_details, default_payment_method, description } = params;
  if (default_payment_method) {
    const { customer } = tx.need("payment_method", default_payment_method, "default_payment_method");
    if (customer !== before.customer) {
      throw invalidRequest("The payment method must be attached to the subscription's customer.", {
        param: "default_payment_method",
      });
    }
  }
  return updateSubscription(tx, before, {
    metadata: withMetadata(before.metadata, params.metadata),
    ...(description !== undefined && { description }),
    ...(default_payment_method && { default_payment_method }),
    ...(cancel_at_period_end !== undefined && { cancel_at_period_end }),
    ...(cancellation_details && { cancellation: cancellation(cancellation_details) }),
  });
}

function cancel(tx: Transaction, params: Infer<typeof cancelParams>, id: string): Subscription {
  if (params.prorate || params.invoice_now) {
    throw invalidRequest("The sandbox does not know prorate and invoice_now at cancellation yet.");
  }
  return cancelNow(tx, tx.need("subscription", id), cancellation(params.cancellation_details));
}

const STATUSES = [
  "active",
  "all",
  "canceled",
  "ended",
  "incomplete",
  "incomplete_expired",
  "past_due",
  "paused",
  "trialing",
  "unpaid",
] as const;

const filters = {
  collection_method: oneOf("charge_automatically", "send_invoice"),
  customer: text(),
  price: text(),
  status: oneOf(...STATUSES),
  test_clock: notYet(),
};

/** Without a status the list leaves the canceled ones out; `ended` is canceled and incomplete_expired. */
function hasStatus(subscription: Subscription, wanted: (typeof STATUSES)[number] | undefined): boolean {
  const { status } = subscription;
  if (wanted === undefined) return status !== "canceled";
  if (wanted === "ended") return status === "canceled" || status === "incomplete_expired";
  return wanted === "all" || status === wanted;
}

function listSubscriptions(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { collection_method, customer, price, status } = params;
  const keep = (subscription: Subscription) =>
    hasStatus(subscription, status) &&
    (!collection_method || subscription.collection_method === collection_method) &&
    (!price || subscription.items.data.some((item) => item.price.id === price));
  const where = customer ? { index: "customer" as const, key: customer } : undefined;
  return page(tx, { kind: "subscription", url: "/v1/subscriptions", where, keep }, params);
}

export const subscriptionRoutes: Route[] = [
  route("POST", "/v1/subscriptions", createParams, create),
  route("GET", "/v1/subscriptions", { ...listParams, ...filters }, listSubscriptions),
  route("GET", "/v1/subscriptions/:id", {}, (tx, _params, { id = "" }) => tx.need("subscription", id)),
  route("POST", "/v1/subscriptions/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/subscriptions/:id", cancelParams, (tx, params, { id = "" }) => cancel(tx, params, id)),
];
