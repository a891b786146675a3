import type Stripe from "stripe";
import { Plan } from "../entities/plan.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { mirror } from "./mirror.ts";
import { type Journey, NOBODY } from "./road.ts";

type RemotePrice = Stripe.Price | { id: string; deleted: true };

/**
 * A price with its product, as far as a plan is sold by it. Stripe says whether it can be sold: a plan whose price or
 * product is archived or deleted is not on sale until it is restored or gets another price. What a plan costs, and
 * what a plan of ours is called, is not Stripe's to say: a price's amount never changes there, and the catalogue is
 * found by its names. A plan that was sold elsewhere only has the names that it has there.
 */
export function priceJourney(stripe: StripeGateway, id: string): Journey<RemotePrice> {
  return {
    objectId: id,
    read: async () => (await stripe.price(id)) ?? { id, deleted: true },
    owner: async () => NOBODY,
    async write(price, { tx, audit }) {
      const plan = await tx.findOne(Plan, { stripePriceId: id });
      if (!plan) return;
      const change = await mirror(
        tx,
        Plan,
        { stripePriceId: id },
        {
          withdrawnPriceId: isSold(price) ? null : id,
          ...(isKnownFromStripeOnly(plan) && { name: nameOf(price) ?? plan.name }),
        },
      );
      audit("subscription_plans", plan.id, change);
    },
  };
}

function isSold(price: RemotePrice): boolean {
  if ("deleted" in price || typeof price.product === "string" || !price.active) return false;
  return !price.product.deleted && price.product.active;
}

/** Made by a sync for who bought it elsewhere; never on sale here. */
const isKnownFromStripeOnly = (plan: Plan) => !plan.isActive && plan.lookupKey == null;

function nameOf(price: RemotePrice): string | null {
  if ("deleted" in price) return null;
  const product = typeof price.product === "object" && !price.product.deleted ? price.product.name : null;
  return price.nickname ?? product;
}
