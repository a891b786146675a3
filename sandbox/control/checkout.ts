import { applyCode } from "../billing/checkout/changes.ts";
import { paySession } from "../billing/checkout/checkout.ts";
import { resolveMethod } from "../billing/customers/payment-methods.ts";
import { json } from "../http.ts";
import { text } from "../params.ts";
import { type ControlRoute, control, needsAuthentication } from "./route.ts";

const completion = { payment_method: text(), email: text(), name: text(), promotion_code: text() };

export const checkoutPaths: ControlRoute[] = [
  // Completes a session of any mode as its page would; answers the session, or Stripe's refusal.
  control("POST", "checkout/sessions/:id/complete", completion, (world, params, id) => {
    const { payment_method: method, promotion_code: code, email, name } = params;
    const outcome = world.act(id, (tx) => {
      const session = tx.need("checkout.session", id);
      const priced = code ? applyCode(tx, session, code) : session;
      return paySession(tx, priced, method ? resolveMethod(tx, method) : null, { email, name });
    });
    if (outcome.authenticate) throw needsAuthentication(outcome.authenticate);
    return json(200, outcome.session);
  }),
];
