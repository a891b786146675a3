import type Stripe from "stripe";
import { Promotion } from "../entities/promotion.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { PROMOTION_ID } from "../stripe/metadata.ts";
import { mirrorKnown } from "./mirror.ts";
import { type Journey, NOBODY } from "./road.ts";

/** A code that discounts, as far as it stands for one of our promotions: what that is called at Stripe. */
export function promotionCodeJourney(stripe: StripeGateway, id: string): Journey<Stripe.PromotionCode> {
  return {
    objectId: id,
    read: () => stripe.promotions.retrieve(id),
    owner: async ({ metadata }) => (metadata?.[PROMOTION_ID] ? NOBODY : null),
    async write({ metadata }, { tx, audit }) {
      const known = await tx.findOne(Promotion, { id: metadata?.[PROMOTION_ID] ?? "" });
      if (!known) return;
      audit("promotions", known.id, mirrorKnown(tx, Promotion, known, { stripePromotionCodeId: id }));
    },
  };
}
