import { paySession } from "./billing/checkout/checkout.ts";
import { applyCode } from "./billing/checkout/checkout-changes.ts";
import { resolveMethod } from "./billing/customers/payment-methods.ts";
import { ApiError } from "./errors.ts";
import { type HttpReply, json } from "./http.ts";
import type { World } from "./world.ts";

type Body = Record<string, unknown>;

const text = (body: Body, name: string): string | undefined => {
  const value = body[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Completes a session of any mode as its page would; answers the session, or Stripe's refusal. */
export function completeSession(world: World, body: Body, id: string): HttpReply {
  const outcome = world.act(id, (tx) => {
    const session = tx.need("checkout.session", id);
    const code = text(body, "promotion_code");
    const priced = code ? applyCode(tx, session, code) : session;
    const method = text(body, "payment_method");
    const payer = { email: text(body, "email"), name: text(body, "name") };
    return paySession(tx, priced, method ? resolveMethod(tx, method) : null, payer);
  });
  if (!outcome.authenticate) return json(200, outcome.session);
  const message = "This needs authentication: answer it for the intent that is told here.";
  throw new ApiError(402, {
    type: "card_error",
    code: "authentication_required",
    message,
    [outcome.authenticate.object]: outcome.authenticate,
  });
}
