import { type Cancellation, cancelNow } from "../billing/subscriptions/cancellation.ts";
import type { Kinds } from "../kinds.ts";
import { inRange, listParams, page, range } from "../list.ts";
import { type Infer, notYet, oneOf, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import { statesOf } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { collectionMethod } from "./common-params.ts";
import { create } from "./subscription-create.ts";
import { cancelParams, createParams, updateParams } from "./subscription-params.ts";
import { update } from "./subscription-update.ts";

type Subscription = Kinds["subscription"];

const cancellation = (given: Infer<typeof cancelParams>["cancellation_details"]): Cancellation => ({
  ...(given?.comment !== undefined && { comment: given.comment }),
  ...(given?.feedback !== undefined && { feedback: given.feedback }),
});

function cancel(tx: Transaction, params: Infer<typeof cancelParams>, id: string): Subscription {
  return cancelNow(tx, tx.need("subscription", id), {
    ...cancellation(params.cancellation_details),
    prorates: params.prorate ?? false,
    invoicesNow: params.invoice_now ?? false,
  });
}

/** The states of a subscription, and two names for several of them. */
const STATUSES = [...statesOf("subscription"), "all", "ended"] as const;

const filters = {
  automatic_tax: notYet(),
  collection_method: collectionMethod,
  current_period_end: range,
  current_period_start: range,
  customer: text(),
  customer_account: notYet(),
  plan: text(),
  price: text(),
  status: oneOf(...STATUSES),
  test_clock: text(),
};

/** Without a status the list leaves the canceled ones out; `ended` is canceled and incomplete_expired. */
function hasStatus(subscription: Subscription, wanted: (typeof STATUSES)[number] | undefined): boolean {
  const { status } = subscription;
  if (wanted === undefined) return status !== "canceled";
  if (wanted === "ended") return status === "canceled" || status === "incomplete_expired";
  return wanted === "all" || status === wanted;
}

function listSubscriptions(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { collection_method, current_period_end, current_period_start, customer, status, test_clock } =
    params;
  const price = params.price ?? params.plan;
  const keep = (subscription: Subscription) =>
    hasStatus(subscription, status) &&
    (!collection_method || subscription.collection_method === collection_method) &&
    (!test_clock || subscription.test_clock === test_clock) &&
    subscription.items.data.some(
      (item) =>
        (!price || item.price.id === price) &&
        inRange(item.current_period_end, current_period_end) &&
        inRange(item.current_period_start, current_period_start),
    );
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
