import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import { BadUserInput } from "../errors.ts";
import { refusedParam } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, PROMOTION_ID } from "../stripe/metadata.ts";
import type { IntentKind } from "./kinds.ts";

/** A coupon under the id of our promotion, and the code that redeems it. */
async function postPromotion(
  stripe: StripeGateway,
  { id, subject, params }: Intent,
  key: string,
): Promise<{ id: string }> {
  const metadata = { [PROMOTION_ID]: subject, [INTENT_ID]: id };
  const { coupon, code } = params as unknown as {
    coupon: Stripe.CouponCreateParams;
    code: Omit<Stripe.PromotionCodeCreateParams, "promotion">;
  };
  await stripe.promotions.createCoupon({ ...coupon, id: subject, metadata }, `${key}:coupon`);
  try {
    const promotion = { type: "coupon" as const, coupon: subject };
    return await stripe.promotions.create({ ...code, promotion, metadata }, key);
  } catch (error) {
    if (refusedParam(error) !== "code") throw error;
    throw new BadUserInput("input.code", "This code is in use at Stripe: choose another one.");
  }
}

/** Kinds of changes of codes that discount. Their subject is our promotion. */
export const PROMOTION_KINDS = {
  "create-promotion": {
    post: postPromotion,
    find: (stripe, { id, subject }) => stripe.promotions.byMetadata(subject, INTENT_ID, id),
    aggregate: "promotion_code",
    once: true,
  },
  "deactivate-promotion": {
    post: (stripe, { params }, key) => stripe.promotions.deactivate(String(params.promotion_code), key),
    async find(stripe, { params }) {
      const code = await stripe.promotions.retrieve(String(params.promotion_code));
      return code?.active === false ? code : null;
    },
    aggregate: "promotion_code",
    once: true,
  },
} satisfies Record<string, IntentKind>;
