import { ApiError, invalidRequest, noSuch } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { DiscountTerms } from "../invoices/totals.ts";
import { recurrenceAfter } from "../subscriptions/periods.ts";
import { assertRedeemable, countRedemption, needCoupon, termsOfCoupon } from "./coupons.ts";
import { assertUsable, codeInUse } from "./promotion-codes.ts";

type Discount = Kinds["discount"];
type Subscription = Kinds["subscription"];
type Customer = Kinds["customer"];

/** One entry of Stripe's `discounts` parameters: exactly one of the three. */
export interface Redemption {
  coupon?: string | undefined;
  /** The id of a promotion code (`promo_…`), not the code itself. */
  promotion_code?: string | undefined;
  /** A discount that exists already. */
  discount?: string | undefined;
}

/** What coupons are redeemed for: at most one of subscription, invoice and so on. */
export interface RedemptionTarget {
  customer: string | null;
  /** What it will cost, when that is known: amounts off and minimum amounts are in a currency. */
  currency?: string | null;
  /** What it costs before the discount, in minor units, for promotion codes with a minimum amount. */
  amount?: number;
  subscription?: string;
  subscription_item?: string;
  invoice?: string;
  invoice_item?: string;
  checkout_session?: string;
  /** The name of the parameter, for refusals; `discounts` without one. */
  param?: string;
}

/**
 * Makes discounts of coupons and promotion codes, counts the redemptions, and tells of those that last
 * (`customer.discount.created`). The caller puts them on what they are for: their ids are what
 * Stripe's `discounts` fields hold. Refuses what cannot be redeemed, naming the parameter.
 */
export function redeem(tx: Transaction, redemptions: Redemption[], target: RedemptionTarget): Discount[] {
  return redemptions.map((redemption, index) =>
    redeemOne(tx, redemption, { ...target, param: `${target.param ?? "discounts"}[${index}]` }),
  );
}

function redeemOne(tx: Transaction, redemption: Redemption, target: RedemptionTarget): Discount {
  const given = Object.values(redemption).filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw invalidRequest("You must specify exactly one of coupon, promotion_code, discount.", {
      param: target.param!,
    });
  }
  if (redemption.discount) return ownDiscount(tx, redemption.discount, target);
  const { code, coupon } = redeemable(tx, redemption, target);
  const discount = tx.insert("discount", {
    id: newId("di"),
    object: "discount",
    checkout_session: target.checkout_session ?? null,
    customer: target.customer,
    customer_account: null,
    end: endOf(coupon, tx.now),
    invoice: target.invoice ?? null,
    invoice_item: target.invoice_item ?? null,
    promotion_code: code?.id ?? null,
    source: { coupon: coupon.id, type: "coupon" },
    start: tx.now,
    subscription: target.subscription ?? null,
    subscription_item: target.subscription_item ?? null,
  });
  if (isLasting(discount)) tx.emit("customer.discount.created", discount);
  countRedemption(tx, coupon, code);
  return discount;
}

/** A discount that exists already, of the same customer. */
function ownDiscount(tx: Transaction, id: string, { customer, param }: RedemptionTarget): Discount {
  const discount = tx.need("discount", id, `${param}[discount]`);
  if (discount.customer !== customer) throw noSuch("discount", id, `${param}[discount]`);
  return discount;
}

/** Whether a redemption would go through. */
export function canRedeem(tx: Transaction, redemption: Redemption, target: RedemptionTarget): boolean {
  try {
    tx.imagine(() => redeem(tx, [redemption], target));
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

/** The redemption, or the running discount among those `held` that it has already led to. */
export function keeping(tx: Transaction, held: string[], redemption: Redemption): Redemption {
  const { coupon, promotion_code = null } = redemption;
  const live = held
    .map((id) => tx.need("discount", id))
    .filter(({ end }) => end === null || end > tx.now)
    .find((one) =>
      promotion_code === null
        ? coupon !== undefined && one.promotion_code === null && one.source.coupon === coupon
        : one.promotion_code === promotion_code,
    );
  return live ? { discount: live.id } : redemption;
}

/** The coupon behind an entry, and its code when there is one; or Stripe's refusal. */
function redeemable(tx: Transaction, redemption: Redemption, target: RedemptionTarget) {
  const { param = "discounts" } = target;
  if (redemption.coupon) {
    const coupon = needCoupon(tx, redemption.coupon, `${param}[coupon]`);
    assertRedeemable(tx, coupon, { currency: target.currency, param: `${param}[coupon]` });
    return { coupon, code: null };
  }
  const code = codeInUse(tx, redemption.promotion_code!, `${param}[promotion_code]`);
  assertUsable(tx, code, { ...target, param: `${param}[promotion_code]` });
  const coupon = needCoupon(tx, code.promotion.coupon ?? "", `${param}[promotion_code]`);
  assertRedeemable(tx, coupon, { currency: target.currency, param: `${param}[promotion_code]` });
  return { coupon, code };
}

function endOf(coupon: Kinds["coupon"], start: number): number | null {
  if (coupon.duration !== "repeating") return null;
  return recurrenceAfter(start, { interval: "month", interval_count: coupon.duration_in_months ?? 1 }, 1);
}

/** Whether it belongs to a customer or subscription, rather than to one invoice, item or session. */
const isLasting = ({ invoice, invoice_item, checkout_session }: Discount) =>
  !invoice && !invoice_item && !checkout_session;

/** The discounts that an invoice of this subscription or customer gets: a subscription's own come instead of its customer's. */
export function activeDiscounts(tx: Transaction, owner: Subscription | Customer, at: number): Discount[] {
  const isRunning = ({ end }: Discount) => end === null || end > at;
  if (owner.object === "customer") return owner.discount && isRunning(owner.discount) ? [owner.discount] : [];
  const own = owner.discounts.map((id) => tx.need("discount", id)).filter(isRunning);
  if (own.length > 0) return own;
  const customer = tx.get("customer", owner.customer);
  return customer ? activeDiscounts(tx, customer, at) : [];
}

/** What a discount takes off in a currency. One whose coupon knows no such currency takes nothing. */
export function termsOf(tx: Transaction, discount: string, currency: string): DiscountTerms {
  const coupon = tx.need("coupon", tx.need("discount", discount).source.coupon ?? "", "coupon");
  return { id: discount, ...termsOfCoupon(tx, coupon, currency) };
}

/** Takes a discount off its subscription or customer, and tells; invoices that have it keep it. */
export function endDiscount(tx: Transaction, discount: Discount): void {
  const { id } = discount;
  const subscription = tx.get("subscription", discount.subscription ?? "");
  const customer = tx.get("customer", discount.customer ?? "");
  const isOfSubscription = subscription?.discounts.includes(id);
  const isOfCustomer = customer?.discount?.id === id;
  if (isOfSubscription) {
    const discounts = subscription!.discounts.filter((other) => other !== id);
    tx.update("subscription", subscription!.id, { discounts });
  }
  if (isOfCustomer) tx.update("customer", customer!.id, { discount: null });
  if (isOfSubscription || isOfCustomer) tx.emit("customer.discount.deleted", discount);
}

/** Ends the lasting discounts that are good for one invoice and have just taken something off one. */
export function spendDiscounts(tx: Transaction, invoice: Kinds["invoice"]): void {
  for (const { amount, discount: id } of invoice.total_discount_amounts ?? []) {
    const discount = tx.need("discount", id);
    const coupon = tx.get("coupon", discount.source.coupon ?? "");
    if (amount > 0 && coupon?.duration === "once" && isLasting(discount)) endDiscount(tx, discount);
  }
}
