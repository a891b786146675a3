import type { EntityManager } from "@mikro-orm/postgresql";
import { countingOf } from "../currencies.ts";
import { Offer } from "../entities/offer.ts";
import { AlreadyPurchased, NotFound, OfferInactive } from "../errors.ts";
import type { AccessService } from "./access.service.ts";
import type { AccessQuestion } from "./access-question.ts";
import type { TypedCode } from "./promotions-in-use.ts";
import { discountFor } from "./purchase-discounts.ts";

/** What something costs somebody now; all in minor units of the offer's currency. */
export interface Quote {
  title: string;
  /** What is to be paid. */
  amountMinor: number;
  /** What was taken off for courses of the path that are theirs already. */
  creditedMinor: number;
  /** The purchases of those courses. */
  creditedFrom: string[];
  /** What a promotion code takes off of the rest. */
  discountedMinor: number;
  /** The promotion of that code. */
  promotionId: string | null;
  currency: string;
}

/** What somebody wants to buy, and the promotion code that they typed. */
export interface Wanted extends AccessQuestion {
  code: TypedCode | null;
}

/**
 * The price of the offer, less what the user has paid for courses of a path when the offer says so. It holds
 * within a transaction under the user's lock. @throws NotFound, OfferInactive, AlreadyPurchased; for the code what {@link discountFor} does
 */
export async function quoteFor(
  tx: EntityManager,
  access: AccessService,
  wanted: Wanted,
  now: Date,
): Promise<Quote> {
  const { resourceType, resourceId, userId } = wanted;
  const offer = await tx.findOne(Offer, { resourceType, resourceId });
  if (!offer) throw new NotFound("offer");
  if (!offer.isActive) throw new OfferInactive();
  if (await access.isOwned(tx, wanted)) throw new AlreadyPurchased();
  const { title, currency, amountMinor: price } = offer;
  const { paid, creditedFrom } = offer.creditsOwnedCourses
    ? await paidForCourses(tx, userId, offer)
    : { paid: 0, creditedFrom: [] };
  const creditedMinor = Math.min(paid, price);
  const item = { userId, resourceType, resourceId, currency, amountMinor: price - creditedMinor };
  // where nothing is left to be paid a code is not wasted
  const code = item.amountMinor > 0 ? wanted.code : null;
  const discount = code && (await discountFor(tx, code, item, now));
  const discountedMinor = Math.min(discount?.amountOffMinor ?? 0, item.amountMinor);
  const rest = item.amountMinor - discountedMinor;
  return {
    ...{
      title,
      currency,
      creditedMinor,
      creditedFrom,
      discountedMinor,
      promotionId: discount?.promotionId ?? null,
    },
    // less than can be charged is not charged
    amountMinor: rest < (countingOf(currency)?.minimum ?? 1) ? 0 : rest,
  };
}

async function paidForCourses(
  tx: EntityManager,
  userId: string,
  path: Offer,
): Promise<Pick<Quote, "creditedFrom"> & { paid: number }> {
  const rows = await tx.execute<{ id: string; paid: string }[]>(PAID_FOR_COURSES, [
    ...[userId, path.resourceId],
    path.currency,
  ]);
  return {
    paid: rows.reduce((sum, { paid }) => sum + Number(paid), 0),
    creditedFrom: rows.map(({ id }) => id),
  };
}

/** What has stayed with us of the purchases that open courses of the path, in the path's currency. */
const PAID_FOR_COURSES = `
  select purchase.id, payment.amount_received_minor - payment.amount_refunded_minor as paid
    from purchases purchase
    join learning_path_courses course on course.course_id = purchase.resource_id
    join payments payment using (stripe_payment_intent_id)
   where purchase.user_id = ? and purchase.resource_type = 'COURSE' and course.path_id = ?
     and purchase.status in ('COMPLETED', 'PARTIALLY_REFUNDED') and payment.currency = ?
     and exists (select 1 from user_access
                  where user_id = purchase.user_id and source = 'PURCHASE' and source_id = purchase.id::text
                    and revoked_at is null)`;
