import type Stripe from "stripe";
import { StripeCalls } from "./calls.ts";

const PAGE = 100;

/** The gateway's calls about codes that discount. A coupon says what they do, a promotion code who types what. */
export class PromotionCalls extends StripeCalls {
  /** A coupon with an id of ours; one that has been made under it already is as good. */
  async createCoupon(params: Stripe.CouponCreateParams, idempotencyKey: string): Promise<void> {
    try {
      await this.call("coupons.create", () => this.stripe.coupons.create(params, { idempotencyKey }));
    } catch (error) {
      if ((error as { code?: unknown }).code !== "resource_already_exists") throw error;
    }
  }

  create(params: Stripe.PromotionCodeCreateParams, idempotencyKey: string): Promise<Stripe.PromotionCode> {
    return this.call("promotionCodes.create", () =>
      this.stripe.promotionCodes.create(params, { idempotencyKey }),
    );
  }

  /** Takes a code out of use; discounts that it has become go on. */
  deactivate(id: string, idempotencyKey: string): Promise<Stripe.PromotionCode> {
    return this.call("promotionCodes.update", () =>
      this.stripe.promotionCodes.update(id, { active: false }, { idempotencyKey }),
    );
  }

  retrieve(id: string): Promise<Stripe.PromotionCode | null> {
    return this.read("promotionCodes.retrieve", () => this.stripe.promotionCodes.retrieve(id));
  }

  /** The code of a coupon that an intent has made. */
  byMetadata(coupon: string, key: string, value: string): Promise<Stripe.PromotionCode | null> {
    return this.call("promotionCodes.list", async () => {
      for await (const code of this.stripe.promotionCodes.list({ coupon, limit: PAGE }))
        if (code.metadata?.[key] === value) return code;
      return null;
    });
  }

  /** What is in use under a code that customers type, in whatever case, and what each coupon is for. */
  async inUse(code: string): Promise<Stripe.PromotionCode[]> {
    const found = await this.call("promotionCodes.list", () =>
      this.stripe.promotionCodes.list({
        ...{ code, active: true, limit: PAGE },
        expand: ["data.promotion.coupon.applies_to"],
      }),
    );
    return found.data;
  }
}
