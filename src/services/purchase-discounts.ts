import type { EntityManager } from "@mikro-orm/postgresql";
import { countingOf } from "../currencies.ts";
import { PromotionNotApplicable } from "../errors.ts";
import type { PurchasableType } from "../types/enums.ts";
import type { AccessQuestion } from "./access.service.ts";
import { PROMOTION_FIELD } from "./promotion-codes.ts";
import { assertPlaceLeft } from "./promotion-places.ts";
import { promotionInUse, type TypedCode, unknownCode } from "./promotions-in-use.ts";
import type { Quote } from "./purchase-quote.ts";

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

/** A quote, less what a code takes off it. */
export interface DiscountedQuote extends Quote {
  /** The promotion that did; whoever buys takes a place among its uses, in the transaction that writes the purchase. */
  promotionId: string | null;
}

/** The quote as it is without a code, or where nothing is left to be taken off. @throws as {@link discountFor} */
export async function discounted(
  em: EntityManager,
  quote: Quote,
  { promotionCode, ...wanted }: AccessQuestion & { promotionCode: string | null },
  now: Date,
): Promise<DiscountedQuote> {
  if (!promotionCode || quote.amountMinor === 0) return { ...quote, promotionId: null };
  const { amountMinor, currency } = quote;
  const item = { ...wanted, amountMinor, currency };
  const typed = { code: promotionCode, field: PROMOTION_FIELD };
  const { promotionId, amountOffMinor } = await discountFor(em, typed, item, now);
  const rest = amountMinor - amountOffMinor;
  // less than can be charged is not charged
  const isLeft = rest >= (countingOf(currency)?.minimum ?? 1);
  return { ...quote, promotionId, amountMinor: isLeft ? rest : 0 };
}

/**
 * What a code takes off a course or path: a percentage rounded half up, an amount never more than the price.
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
