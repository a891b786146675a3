import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { type Redemption, type RedemptionTarget, redeem } from "./discounts.ts";

type Session = Kinds["checkout.session"];

/** What an attempt to pay a session has made. */
export type Attempt = NonNullable<CheckoutDetails["attempt"]>;

/** Who pays, as far as the page asked. */
export interface Payer {
  email?: string | undefined;
  name?: string | undefined;
}

/** What a session shows of its customer. */
export function customerDetails(email: string | null, name: string | null): Session["customer_details"] {
  return {
    address: null,
    business_name: null,
    email,
    individual_name: null,
    name,
    phone: null,
    tax_exempt: "none",
    tax_ids: [],
  };
}

/**
 * Closes a session that has led to something. A payment that is still under way leaves it `unpaid`:
 * its outcome is told later.
 */
export function completeSession(
  tx: Transaction,
  session: Session,
  attempt: Attempt,
  outcome: { payment_status: NonNullable<Session["payment_status"]>; payer?: Payer },
): Session {
  const customer = attempt.customer ? tx.need("customer", attempt.customer) : null;
  if (customer && !customer.currency && session.currency)
    tx.update("customer", customer.id, { currency: session.currency }, "customer.updated");
  const { payer = {}, payment_status } = outcome;
  const email = customer?.email ?? payer.email ?? session.customer_details?.email ?? null;
  const completed = tx.update("checkout.session", session.id, {
    status: next("checkout.session", session.status, "complete"),
    payment_status,
    customer: customer?.id ?? null,
    customer_details: customerDetails(email, customer?.name ?? payer.name ?? null),
    invoice: attempt.invoice,
    payment_intent: session.mode === "payment" ? attempt.payment_intent : null,
    subscription: attempt.subscription,
    url: null,
  });
  tx.emit("checkout.session.completed", completed);
  return completed;
}

/** Redeems the session's coupon or code for what it has led to. */
export function redeemed(
  tx: Transaction,
  { id }: CheckoutDetails,
  target: Pick<RedemptionTarget, "customer" | "subscription" | "checkout_session">,
): Kinds["discount"][] {
  const { discounts, currency, amount_subtotal } = tx.need("checkout.session", id);
  return redeem(tx, redemptions(discounts), { ...target, currency, amount: amount_subtotal ?? 0 });
}

/** A session's discounts as what they redeem. */
export function redemptions(discounts: Session["discounts"]): Redemption[] {
  return (discounts ?? []).map(({ coupon, promotion_code }) => ({
    ...(coupon && { coupon }),
    ...(promotion_code && { promotion_code }),
  }));
}
