import { resolveMethod } from "./billing/customers/payment-methods.ts";
import { liveSubscriptions, type Portal, portalOf } from "./billing/portal/portal.ts";
import { addMethod, makeDefault, removeMethod } from "./billing/portal/portal-methods.ts";
import { cancelInPortal, resumeInPortal, updateInPortal } from "./billing/portal/portal-subscriptions.ts";
import { ApiError, invalidParameter, noSuch } from "./errors.ts";
import { type HttpReply, json } from "./http.ts";
import type { Kinds } from "./kinds.ts";
import type { Transaction } from "./transaction.ts";
import type { World } from "./world.ts";

type Body = Record<string, unknown>;
type Act = (tx: Transaction, portal: Portal, body: Body) => object;

function text(body: Body, name: string): string | undefined {
  const value = body[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The subscription that is named; without a name, the customer's only one. */
function subscriptionIn(tx: Transaction, { customer }: Portal, body: Body): string {
  const named = text(body, "subscription");
  if (named) return named;
  const [only, ...others] = liveSubscriptions(tx, customer.id);
  if (only && others.length === 0) return only.id;
  throw invalidParameter("subscription", "Missing required param: subscription.", "parameter_missing");
}

type Feedback = NonNullable<Kinds["subscription"]["cancellation_details"]>["feedback"];
const FEEDBACK: Feedback[] = [
  "customer_service",
  "low_quality",
  "missing_features",
  "other",
  "switched_service",
  "too_complex",
  "too_expensive",
  "unused",
];

function cancel(tx: Transaction, portal: Portal, body: Body): object {
  const said = text(body, "feedback");
  const feedback = FEEDBACK.find((each) => each === said);
  if (said && !feedback) throw invalidParameter("feedback", `Invalid feedback: ${said}`);
  const comment = text(body, "comment");
  const why = { ...(feedback && { feedback }), ...(comment && { comment }) };
  return cancelInPortal(tx, portal, subscriptionIn(tx, portal, body), why);
}

const resume: Act = (tx, portal, body) => resumeInPortal(tx, portal, subscriptionIn(tx, portal, body));

/** `payment_method` is added, or made the default when it is the customer's already; `remove` goes. */
function changeMethod(tx: Transaction, portal: Portal, body: Body): object {
  const gone = text(body, "remove");
  const given = text(body, "payment_method");
  if (gone) return removeMethod(tx, portal, gone);
  if (!given)
    throw invalidParameter("payment_method", "Missing required param: payment_method.", "parameter_missing");
  const method = resolveMethod(tx, given);
  if (method.customer) return makeDefault(tx, portal, method.id);
  const intent = addMethod(tx, portal, method);
  return intent.status === "succeeded" ? tx.need("payment_method", method.id) : intent;
}

const update: Act = (tx, portal, body) =>
  updateInPortal(tx, portal, {
    subscription: subscriptionIn(tx, portal, body),
    price: text(body, "price"),
    quantity: body.quantity === undefined ? undefined : Number(body.quantity),
    code: text(body, "promotion_code"),
  });

const acts: Record<string, Act> = { cancel, resume, payment_method: changeMethod, update };

/** `POST /sandbox/portal/sessions/:id/:act`: what a customer does in the portal, without its page. */
export function actInPortal(world: World, path: string, body: Body): HttpReply | undefined {
  const [, id = "", name = ""] = /^\/sandbox\/portal\/sessions\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  const act = Object.hasOwn(acts, name) ? acts[name] : undefined;
  if (!act) return undefined;
  const { customer } = world.store.get("billing_portal.session", id) ?? {};
  if (!customer) throw noSuch("billing_portal.session", id);
  const result = world.act(customer, (tx) => act(tx, portalOf(tx, id), body));
  if (!("object" in result) || result.object !== "setup_intent") return json(200, result);
  const message = "This needs authentication: answer it for the setup intent that is told here.";
  throw new ApiError(402, {
    type: "card_error",
    code: "authentication_required",
    message,
    setup_intent: result,
  });
}
