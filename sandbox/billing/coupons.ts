import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { DiscountTerms } from "./totals.ts";

type Coupon = Kinds["coupon"];
type PromotionCode = Kinds["promotion_code"];

/** What a coupon takes off in a currency; nothing when it knows the currency not. */
export function termsOfCoupon(coupon: Coupon, currency: string): Omit<DiscountTerms, "id"> {
  return {
    percent_off: coupon.percent_off,
    amount_off: coupon.percent_off === null ? (amountOff(coupon, currency) ?? 0) : null,
    products: coupon.applies_to?.products ?? null,
  };
}

function amountOff(coupon: Coupon, currency: string): number | undefined {
  if (coupon.currency === currency) return coupon.amount_off ?? 0;
  return coupon.currency_options?.[currency]?.amount_off;
}

/** Refuses a coupon that is used up, past its time, or of another currency. */
export function assertRedeemable(
  coupon: Coupon,
  { at, currency, param }: { at: number; currency?: string | null | undefined; param: string },
): void {
  if (!coupon.valid || (coupon.redeem_by !== null && coupon.redeem_by <= at)) {
    throw invalidRequest(`Coupon expired: ${coupon.id}`, { param, code: "coupon_expired" });
  }
  if (currency && coupon.percent_off === null && amountOff(coupon, currency) === undefined) {
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
export function retireCodes(tx: Transaction, coupon: string): void {
  for (const code of [...tx.newest("promotion_code", { index: "coupon", key: coupon })]) {
    if (code.active) tx.update("promotion_code", code.id, { active: false }, "promotion_code.updated");
  }
}
