import type { EntityManager } from "@mikro-orm/postgresql";
import { PromotionNotApplicable } from "../errors.ts";
import type { PurchasableType } from "../types/enums.ts";
import { assertPlaceLeft } from "./promotion-places.ts";
import { promotionInUse, type TypedCode, unknownCode } from "./promotions-in-use.ts";

/** What is about to be bought once, by whom, at which price. */
export interface Item {
  userId: string;
  resourceType: PurchasableType;
  resourceId: string;
  amountMinor: number;
  currency: string;
}

/** What a code takes off, in minor units of the price's currency. */
export interface PurchaseDiscount {
  promotionId: string;
  amountOffMinor: number;
}

/**
 * What a code takes off a course or path: a percentage rounded half up, an amount never more than the price. Whoever
 * buys with it takes a place among its uses ({@link holdPlace}) in the transaction that writes the purchase.
 * @throws BadUserInput for one that is not in use, PromotionExpired, PromotionExhausted, PromotionNotApplicable
 */
export async function discountFor(
  em: EntityManager,
  typed: TypedCode,
  item: Item,
  now: Date,
): Promise<PurchaseDiscount> {
  const { field } = typed;
  const promotion = await promotionInUse(em, typed, now);
  if (!promotion) throw unknownCode(field);
  // one that Stripe was to know, and does not
  if (promotion.isForSubscriptions && !promotion.stripePromotionCodeId) throw unknownCode(field);
  const { access, currency, planId, itemType, itemId, firstTimeOnly } = promotion;
  if (access)
    throw new PromotionNotApplicable(field, "This code opens something by itself: redeem it instead.");
  if (planId || firstTimeOnly) throw new PromotionNotApplicable(field, "This code is for a subscription.");
  if (itemType && (itemType !== item.resourceType || itemId !== item.resourceId))
    throw new PromotionNotApplicable(field, "This code is for another course or path.");
  if (currency && currency !== item.currency)
    throw new PromotionNotApplicable(field, `This code takes something off prices in ${currency}.`);
  await assertPlaceLeft(em, promotion, item.userId, { now, field });
  return { promotionId: promotion.id, amountOffMinor: promotion.amountOff(item) };
}
