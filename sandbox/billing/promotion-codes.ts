import { invalidRequest, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { RedemptionTarget } from "./discounts.ts";

type PromotionCode = Kinds["promotion_code"];

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
