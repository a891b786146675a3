import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { type Redemption, type RedemptionTarget, redeem } from "../catalogue/discounts.ts";
import { createsCustomer } from "./order.ts";

type Session = Kinds["checkout.session"];

const redemptions = (discounts: Session["discounts"]): Redemption[] =>
  (discounts ?? []).map(({ coupon, promotion_code }) => ({
    ...(coupon && { coupon }),
    ...(promotion_code && { promotion_code }),
  }));

/** Redeems the session's coupon or code for what the session has led to. */
export function redeemed(
  tx: Transaction,
  { discounts, currency, amount_subtotal }: Session,
  target: Pick<RedemptionTarget, "customer" | "subscription" | "checkout_session">,
): Kinds["discount"][] {
  return redeem(tx, redemptions(discounts), { ...target, currency, amount: amount_subtotal ?? 0 });
}

/** The coupon that a session's discounts redeem; there is one discount at most. */
export function couponOf(tx: Transaction, discounts: Session["discounts"]): Kinds["coupon"] | undefined {
  const [discount] = discounts ?? [];
  if (!discount) return undefined;
  const code = discount.promotion_code && tx.need("promotion_code", discount.promotion_code);
  return tx.get("coupon", (code ? code.promotion.coupon : discount.coupon) ?? "");
}

/** Refuses a coupon or code that this session could not redeem. It is redeemed when the session is paid. */
export function assertRedeemable(tx: Transaction, session: Session, discounts: Session["discounts"]): void {
  const code = tx.get("promotion_code", discounts?.[0]?.promotion_code ?? "");
  if (code?.restrictions.first_time_transaction && !session.customer && !createsCustomer(tx, session)) {
    throw invalidRequest(
      "This promotion code is for first purchases, and this Checkout Session does not know its customer.",
      { param: "discounts" },
    );
  }
  tx.imagine(() =>
    redeemed(tx, { ...session, discounts }, { customer: session.customer, checkout_session: session.id }),
  );
}
