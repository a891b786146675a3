import type { Learner, World } from "../world.ts";
import { CARDS, customerOf } from "./at-stripe.ts";
import { choose, type Operations } from "./operation.ts";

async function inPortal(world: World, learner: Learner, act: string, body: object) {
  const customer = await customerOf(world, learner);
  if (!customer) return undefined;
  const session = await world.stripe.billingPortal.sessions.create({ customer });
  return world.control(`portal/sessions/${session.id}/${act}`, body);
}

/** What a learner does in Stripe's portal. */
export const PORTAL_OPERATIONS: Operations = {
  "cancel in the portal": { weight: 3, run: (world, learner) => inPortal(world, learner, "cancel", {}) },
  "resume in the portal": { weight: 2, run: (world, learner) => inPortal(world, learner, "resume", {}) },
  "change the card in the portal": {
    weight: 3,
    run: (world, learner, { pick }) =>
      inPortal(world, learner, "payment_method", { payment_method: choose(CARDS, pick) }),
  },
};
