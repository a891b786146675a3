import { invalidRequest } from "../../errors.ts";
import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { findCode } from "../catalogue/promotion-codes.ts";
import { assertPayable, reckoned, totals } from "./amounts.ts";
import { assertRedeemable, couponOf } from "./discounts.ts";
import { abandonAttempt } from "./order.ts";

type Session = Kinds["checkout.session"];

/** Sells something else, or for less: every amount follows, and an attempt at the old order is taken back. */
export function changeOrder(
  tx: Transaction,
  session: Session,
  {
    line_items,
    discounts = session.discounts,
  }: Partial<Pick<CheckoutDetails, "line_items">> & Partial<Pick<Session, "discounts">>,
): Session {
  const details = tx.need("checkout_details", session.id);
  const wanted = line_items ? { ...details, line_items } : details;
  const items = reckoned(tx, wanted, couponOf(tx, discounts));
  const sums = totals(items);
  assertPayable(sums.amount_total ?? 0, session.currency ?? "");
  abandonAttempt(tx, details);
  tx.update("checkout_details", details.id, { line_items: items });
  return tx.update("checkout.session", session.id, { ...sums, discounts });
}

/** Redeems a promotion code that the payer typed. Throws what is wrong with it, in words for them. */
export function applyCode(tx: Transaction, session: Session, typed: string): Session {
  if (!session.allow_promotion_codes) {
    throw invalidRequest("This Checkout Session does not take promotion codes.", { param: "promotion_code" });
  }
  const code = findCode(tx, typed.trim(), session.customer);
  if (!code) throw invalidRequest("This code is invalid.", { param: "promotion_code" });
  const discounts = [{ coupon: null, promotion_code: code.id }];
  assertRedeemable(tx, session, discounts);
  return changeOrder(tx, session, { discounts });
}

/** Takes a promotion code off again. */
export function removeCode(tx: Transaction, session: Session): Session {
  return session.allow_promotion_codes ? changeOrder(tx, session, { discounts: [] }) : session;
}

/** Buys another number of an item whose number may be changed. */
export function changeQuantity(tx: Transaction, session: Session, item: string, quantity: number): Session {
  const { line_items } = tx.need("checkout_details", session.id);
  const { adjustable_quantity: limits, ...found } = line_items.find(({ id }) => id === item) ?? {};
  if (!limits?.enabled || !found) {
    throw invalidRequest("The quantity of this item cannot be changed.", { param: "quantity" });
  }
  const least = Math.max(1, limits.minimum ?? 1);
  const most = limits.maximum ?? 99;
  if (!Number.isInteger(quantity) || quantity < least || quantity > most) {
    throw invalidRequest(`The quantity must be between ${least} and ${most}.`, { param: "quantity" });
  }
  const changed = line_items.map((line) => (line.id === item ? { ...line, quantity } : line));
  return changeOrder(tx, session, { line_items: changed });
}
