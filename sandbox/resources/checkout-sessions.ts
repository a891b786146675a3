import { expireSession } from "../billing/checkout/checkout.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page, pageOf, pageParams } from "../list.ts";
import { type Infer, notYet, object, oneOf, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { createSession } from "./checkout-session-create.ts";
import { createParams, updateParams } from "./checkout-session-params.ts";
import { updateSession } from "./checkout-session-update.ts";

type Session = Kinds["checkout.session"];

function expire(tx: Transaction, id: string): Session {
  const session = tx.need("checkout.session", id);
  if (session.status !== "open") {
    throw invalidRequest(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${session.status}.`,
    );
  }
  return expireSession(tx, session);
}

const filters = {
  customer: text(),
  customer_details: object({ email: required(text()) }),
  payment_intent: text(),
  payment_link: notYet(),
  status: oneOf("complete", "expired", "open"),
  subscription: text(),
};

function listSessions(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { customer, customer_details, payment_intent, status, subscription } = params;
  const where = payment_intent
    ? { index: "payment_intent" as const, key: payment_intent }
    : subscription
      ? { index: "subscription" as const, key: subscription }
      : customer
        ? { index: "customer" as const, key: customer }
        : undefined;
  const keep = (session: Session) =>
    (!status || session.status === status) &&
    (!customer || session.customer === customer) &&
    (!subscription || session.subscription === subscription) &&
    (!customer_details || session.customer_details?.email === customer_details.email);
  return page(tx, { kind: "checkout.session", url: "/v1/checkout/sessions", where, keep }, params);
}

export const checkoutSessionRoutes: Route[] = [
  route("POST", "/v1/checkout/sessions", createParams, createSession),
  route("GET", "/v1/checkout/sessions", { ...listParams, ...filters }, listSessions),
  route("GET", "/v1/checkout/sessions/:id", {}, (tx, _params, { id = "" }) =>
    tx.need("checkout.session", id),
  ),
  route("POST", "/v1/checkout/sessions/:id", updateParams, (tx, params, { id = "" }) =>
    updateSession(tx, params, id),
  ),
  route("POST", "/v1/checkout/sessions/:id/expire", {}, (tx, _params, { id = "" }) => expire(tx, id)),
  route("GET", "/v1/checkout/sessions/:id/line_items", pageParams, (tx, params, { id = "" }) => {
    tx.need("checkout.session", id);
    return pageOf(
      tx.need("checkout_details", id).line_items,
      `/v1/checkout/sessions/${id}/line_items`,
      params,
    );
  }),
];
