import { list, object, text, unsettable } from "../params.ts";

/** Stripe's `discounts`: coupons, promotion codes or discounts to redeem, or '' for none at all. */
export const discounts = unsettable(
  list(object({ coupon: text(), discount: text(), promotion_code: text() })),
);
