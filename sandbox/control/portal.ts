import { resolveMethod } from "../billing/customers/payment-methods.ts";
import { addMethod, makeDefault, removeMethod } from "../billing/portal/methods.ts";
import { liveSubscriptions, type Portal, portalOf } from "../billing/portal/portal.ts";
import { cancelInPortal, resumeInPortal, updateInPortal } from "../billing/portal/subscriptions.ts";
import { invalidParameter, noSuch } from "../errors.ts";
import { json } from "../http.ts";
import { type Infer, integer, type Shape, text } from "../params.ts";
import { feedback } from "../resources/common-params.ts";
import type { Transaction } from "../transaction.ts";
import { type ControlRoute, control, needsAuthentication } from "./route.ts";

/** A path of a portal session: what its customer does there, without the page. */
function portalPath<S extends Shape>(
  name: string,
  shape: S,
  act: (tx: Transaction, portal: Portal, params: Infer<S>) => object,
): ControlRoute {
  return control("POST", `portal/sessions/:id/${name}`, shape, (world, params, id) => {
    const { customer } = world.store.get("billing_portal.session", id) ?? {};
    if (!customer) throw noSuch("billing_portal.session", id);
    const result = world.act(customer, (tx) => act(tx, portalOf(tx, id), params));
    if (isSetup(result)) throw needsAuthentication(result);
    return json(200, result);
  });
}

const isSetup = (result: object): result is { id: string; object: "setup_intent" } =>
  "object" in result && result.object === "setup_intent";

/** The subscription that is named; without a name, the customer's only one. */
function subscriptionIn(tx: Transaction, { customer }: Portal, named: string | undefined): string {
  if (named) return named;
  const [only, ...others] = liveSubscriptions(tx, customer.id);
  if (only && others.length === 0) return only.id;
  throw invalidParameter("subscription", "Missing required param: subscription.", "parameter_missing");
}

const subscription = text();
const method = { payment_method: text(), remove: text() };
const update = { subscription, price: text(), quantity: integer(), promotion_code: text() };

export const portalPaths: ControlRoute[] = [
  portalPath("cancel", { subscription, feedback, comment: text() }, (tx, portal, params) => {
    const { subscription: named, ...why } = params;
    return cancelInPortal(tx, portal, subscriptionIn(tx, portal, named), why);
  }),
  portalPath("resume", { subscription }, (tx, portal, params) =>
    resumeInPortal(tx, portal, subscriptionIn(tx, portal, params.subscription)),
  ),
  portalPath("update", update, (tx, portal, { price, quantity, promotion_code: code, ...params }) =>
    updateInPortal(tx, portal, {
      ...{ price, quantity, code },
      subscription: subscriptionIn(tx, portal, params.subscription),
    }),
  ),
  portalPath("payment_method", { ...method, subscription }, changeMethod),
];

/** `payment_method` is added, or made the default when it is the customer's already; `remove` goes. */
function changeMethod(
  tx: Transaction,
  portal: Portal,
  { payment_method: given, remove: gone }: Infer<typeof method>,
): object {
  if (gone) return removeMethod(tx, portal, gone);
  if (!given)
    throw invalidParameter("payment_method", "Missing required param: payment_method.", "parameter_missing");
  const method = resolveMethod(tx, given);
  if (method.customer) return makeDefault(tx, portal, method.id);
  const intent = addMethod(tx, portal, method);
  return intent.status === "succeeded" ? tx.need("payment_method", method.id) : intent;
}
