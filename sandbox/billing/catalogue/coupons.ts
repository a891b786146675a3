import { invalidRequest, noSuch } from "../../errors.ts";
import { randomText } from "../../ids.ts";
import type { CouponTerms, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { DiscountTerms } from "../invoices/totals.ts";

type Coupon = Kinds["coupon"];
type PromotionCode = Kinds["promotion_code"];

/** What a new coupon is made from. */
type CouponInput = Pick<
  Coupon,
  | "amount_off"
  | "currency"
  | "duration"
  | "duration_in_months"
  | "max_redemptions"
  | "metadata"
  | "name"
  | "percent_off"
  | "redeem_by"
> &
  Pick<CouponTerms, "currency_options" | "products"> & { id?: string | undefined };

/** A new coupon (`coupon.created`). https://docs.stripe.com/billing/subscriptions/coupons */
export function createCoupon(
  tx: Transaction,
  { id = randomText(8), currency_options, products, ...fields }: CouponInput,
): Coupon {
  if (tx.get("coupon_terms", id)?.deleted === false)
    throw invalidRequest("Coupon already exists.", { param: "id", code: "resource_already_exists" });
  tx.insert("coupon_terms", { id, currency_options, products, deleted: false });
  const coupon = tx.insert("coupon", {
    ...fields,
    id,
    object: "coupon",
    created: tx.now,
    livemode: false,
    times_redeemed: 0,
    valid: true,
  });
  tx.emit("coupon.created", coupon);
  return coupon;
}

/** A coupon that was not deleted. */
export function needCoupon(tx: Transaction, id: string, param = "id"): Coupon {
  const coupon = tx.get("coupon", id);
  if (!coupon || termsKept(tx, id).deleted) throw noSuch("coupon", id, param);
  return coupon;
}

/** What a coupon keeps to itself. */
export const termsKept = (tx: Transaction, id: string): CouponTerms => tx.need("coupon_terms", id);

/** Takes a coupon away; discounts that it has become go on. */
export function deleteCoupon(tx: Transaction, coupon: Coupon): Kinds["deleted"] {
  tx.update("coupon_terms", coupon.id, { deleted: true });
  tx.emit("coupon.deleted", tx.update("coupon", coupon.id, { valid: false }));
  retireCodes(tx, coupon.id);
  return { id: coupon.id, object: "coupon", deleted: true };
}

/** What a coupon takes off in a currency; nothing when it does not know the currency. */
export function termsOfCoupon(tx: Transaction, coupon: Coupon, currency: string): Omit<DiscountTerms, "id"> {
  const { percent_off, id } = coupon;
  return {
    percent_off,
    amount_off: percent_off === null ? (amountOff(tx, coupon, currency) ?? 0) : null,
    products: termsKept(tx, id).products,
  };
}

function amountOff(tx: Transaction, coupon: Coupon, currency: string): number | undefined {
  if (coupon.currency === currency) return coupon.amount_off ?? 0;
  return termsKept(tx, coupon.id).currency_options[currency]?.amount_off;
}

/** Refuses a coupon that is used up, past its time, or of another currency. */
export function assertRedeemable(
  tx: Transaction,
  coupon: Coupon,
  { currency, param }: { currency?: string | null | undefined; param: string },
): void {
  if (!coupon.valid || (coupon.redeem_by !== null && coupon.redeem_by <= tx.now)) {
    throw invalidRequest(`Coupon expired: ${coupon.id}`, { param, code: "coupon_expired" });
  }
  if (currency && coupon.percent_off === null && amountOff(tx, coupon, currency) === undefined) {
    throw invalidRequest(
      `The coupon ${coupon.id} takes off an amount in ${coupon.currency} and cannot be applied to ${currency}.`,
      { param },
    );
  }
}

const isUsedUp = (times: number, limit: number | null) => limit !== null && times >= limit;

/** Counts one redemption; the last one makes the coupon, or the code, invalid. */
export function countRedemption(tx: Transaction, coupon: Coupon, code: PromotionCode | null): void {
  const times_redeemed = coupon.times_redeemed + 1;
  const valid = coupon.valid && !isUsedUp(times_redeemed, coupon.max_redemptions);
  tx.update("coupon", coupon.id, { times_redeemed, valid }, "coupon.updated");
  if (code) {
    const times = code.times_redeemed + 1;
    const active = code.active && !isUsedUp(times, code.max_redemptions);
    tx.update("promotion_code", code.id, { times_redeemed: times, active }, "promotion_code.updated");
  }
  if (!valid) retireCodes(tx, coupon.id);
}

/** The time to redeem a coupon is over. */
export function expireCoupon(tx: Transaction, coupon: Coupon): void {
  tx.update("coupon", coupon.id, { valid: false }, "coupon.updated");
  retireCodes(tx, coupon.id);
}

/** A promotion code is only active while its coupon is valid. */
function retireCodes(tx: Transaction, coupon: string): void {
  for (const code of [...tx.newest("promotion_code", { index: "coupon", key: coupon })]) {
    if (code.active) tx.update("promotion_code", code.id, { active: false }, "promotion_code.updated");
  }
}
