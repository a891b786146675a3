import { invalidRequest, noSuch } from "../../errors.ts";
import { newId, randomText } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { RedemptionTarget } from "./discounts.ts";

type PromotionCode = Kinds["promotion_code"];

/** What a new code is made from. */
type CodeInput = Pick<
  PromotionCode,
  "active" | "customer" | "expires_at" | "max_redemptions" | "metadata" | "restrictions"
> & { code?: string | undefined };

/** A new code for a coupon (`promotion_code.created`); without a code of its own, a random one. */
export function createCode(tx: Transaction, coupon: Kinds["coupon"], input: CodeInput): PromotionCode {
  if (!coupon.valid) {
    throw invalidRequest(`The coupon ${coupon.id} is not valid any more.`, { param: "promotion[coupon]" });
  }
  assertInTime(tx, coupon, input);
  const { code = randomText(8).toUpperCase(), ...fields } = input;
  if (input.active) assertUnique(tx, code, input.customer);
  const created = tx.insert("promotion_code", {
    ...fields,
    id: newId("promo"),
    object: "promotion_code",
    code,
    created: tx.now,
    customer_account: null,
    livemode: false,
    promotion: { coupon: coupon.id, type: "coupon" },
    times_redeemed: 0,
  });
  tx.emit("promotion_code.created", created);
  return created;
}

function assertInTime(tx: Transaction, coupon: Kinds["coupon"], { expires_at, max_redemptions }: CodeInput) {
  if (expires_at !== null && expires_at <= tx.now) {
    throw invalidRequest("The expires_at timestamp must be in the future.", { param: "expires_at" });
  }
  if (expires_at !== null && coupon.redeem_by !== null && expires_at > coupon.redeem_by) {
    throw invalidRequest("A promotion code cannot expire after its coupon's redeem_by.", {
      param: "expires_at",
    });
  }
  const most = coupon.max_redemptions;
  if (most !== null && max_redemptions !== null && max_redemptions > most) {
    throw invalidRequest("A promotion code cannot be redeemed more often than its coupon.", {
      param: "max_redemptions",
    });
  }
}

/** One active code at a time, in whatever case: for everybody, and for each customer. */
function assertUnique(tx: Transaction, code: string, customer: string | null): void {
  const rival = [...tx.newest("promotion_code", { index: "code", key: code.toLowerCase() })].find(
    (other) => other.active && (other.customer === null || customer === null || other.customer === customer),
  );
  if (rival) {
    throw invalidRequest(`An active promotion code with \`code: ${code}\` already exists.`, {
      param: "code",
    });
  }
}

/** Changes a code; one that is used up, or whose coupon is, cannot become active again. */
export function updateCode(
  tx: Transaction,
  code: PromotionCode,
  patch: Partial<Pick<PromotionCode, "active" | "metadata" | "restrictions">>,
): PromotionCode {
  if (patch.active && !code.active) {
    const isOver =
      !tx.get("coupon", code.promotion.coupon ?? "")?.valid ||
      (code.expires_at !== null && code.expires_at <= tx.now) ||
      (code.max_redemptions !== null && code.times_redeemed >= code.max_redemptions);
    if (isOver)
      throw invalidRequest("This promotion code cannot be activated any more.", { param: "active" });
    assertUnique(tx, code.code, code.customer);
  }
  return tx.update("promotion_code", code.id, patch, "promotion_code.updated");
}

/** The promotion code of an id, which must be active. */
export function codeInUse(tx: Transaction, id: string, param: string): PromotionCode {
  const code = tx.get("promotion_code", id);
  if (!code) throw noSuch("promotion code", id, param);
  if (!code.active || (code.expires_at !== null && code.expires_at <= tx.now)) {
    throw invalidRequest(`This promotion code is not active: ${code.code}`, { param });
  }
  return code;
}

/**
 * The active promotion code that a customer typed, in whatever case; a code made for the customer
 * comes before one for everybody. Undefined when there is none.
 */
export function findCode(tx: Transaction, typed: string, customer: string | null): PromotionCode | undefined {
  const codes = [...tx.newest("promotion_code", { index: "code", key: typed.toLowerCase() })].filter(
    ({ active, expires_at }) => active && (expires_at === null || expires_at > tx.now),
  );
  return (
    codes.find((code) => code.customer !== null && code.customer === customer) ??
    codes.find((code) => code.customer === null)
  );
}

/** Refuses a code whose restrictions the target does not meet. https://docs.stripe.com/billing/subscriptions/coupons#promotion-codes */
export function assertUsable(tx: Transaction, code: PromotionCode, target: RedemptionTarget): void {
  const { customer, currency, amount, param = "promotion_code" } = target;
  if (code.customer && code.customer !== customer) {
    throw invalidRequest(
      "This promotion code cannot be redeemed because it is restricted to another customer.",
      { param },
    );
  }
  if (code.restrictions.first_time_transaction && customer && hasPaid(tx, customer)) {
    throw invalidRequest(
      "This promotion code cannot be redeemed because the associated customer has prior transactions.",
      { param },
    );
  }
  const minimum = currency ? minimumOf(code, currency) : undefined;
  if (minimum !== undefined && amount !== undefined && amount < minimum) {
    throw invalidRequest(
      "This promotion code cannot be redeemed because the amount is less than the minimum amount that it requires.",
      { param },
    );
  }
}

function minimumOf({ restrictions }: PromotionCode, currency: string): number | undefined {
  if (restrictions.minimum_amount_currency === currency) return restrictions.minimum_amount ?? undefined;
  return restrictions.currency_options?.[currency]?.minimum_amount;
}

function hasPaid(tx: Transaction, customer: string): boolean {
  const charges = tx.newest("charge", { index: "customer", key: customer });
  for (const charge of charges) if (charge.paid) return true;
  for (const invoice of tx.newest("invoice", { index: "customer", key: customer }))
    if (invoice.status === "paid") return true;
  return false;
}
