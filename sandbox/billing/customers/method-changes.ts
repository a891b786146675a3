import { type ApiError, invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { CONFIRMED } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";

type PaymentMethod = Kinds["payment_method"];

/** Takes a method from its customer; nothing can be paid with it any more. */
export function detach(tx: Transaction, id: string): PaymentMethod {
  const before = tx.need("payment_method", id);
  const { customer } = before;
  if (!customer) {
    throw invalidRequest(
      "The payment method you provided is not attached to a customer so detachment is impossible.",
      {
        param: "payment_method",
      },
    );
  }
  const owner = tx.get("customer", customer);
  if (owner?.invoice_settings.default_payment_method === id) {
    const invoice_settings = { ...owner.invoice_settings, default_payment_method: null };
    tx.update("customer", customer, { invoice_settings }, "customer.updated");
  }
  for (const subscription of [...tx.newest("subscription", { index: "customer", key: customer })]) {
    if (subscription.default_payment_method !== id) continue;
    tx.update(
      "subscription",
      subscription.id,
      { default_payment_method: null },
      "customer.subscription.updated",
    );
  }
  tx.insert("detached_method", { id });
  return tx.update("payment_method", id, { customer: null }, "payment_method.detached");
}

/**
 * Whether a method may not be used again: it was detached, or it has paid without being anyone's.
 * @param besides a payment intent that may have used it: the one it is asked for
 */
export function isSpent(tx: Transaction, { customer, id }: PaymentMethod, besides?: string): boolean {
  if (customer !== null) return false;
  if (tx.get("detached_method", id)) return true;
  for (const intent of tx.newest("payment_intent", { index: "payment_method", key: id }))
    if (intent.id !== besides && CONFIRMED.includes(intent.status)) return true;
  return false;
}

/** Stripe's refusal of such a method. */
export function spent(param: string): ApiError {
  return invalidRequest(
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
    { param },
  );
}

interface CardRenewal {
  exp_month?: number | undefined;
  exp_year?: number | undefined;
  last4?: string | undefined;
}

/** The network tells of a card's successor: the same method, with another expiry or number. */
export function renewCard(tx: Transaction, method: PaymentMethod, renewal: CardRenewal): PaymentMethod {
  const { card } = method;
  if (!card)
    throw invalidRequest(`Only cards are updated by their networks; ${method.id} is a ${method.type}.`);
  const { exp_month = card.exp_month, exp_year = card.exp_year, last4 = card.last4 } = renewal;
  if (exp_month < 1 || exp_month > 12 || exp_year < 1970 || exp_year > 9999)
    throw invalidRequest("exp_month and exp_year must be a month.", { param: "exp_month" });
  if (!/^\d{4}$/.test(last4)) throw invalidRequest("last4 must be four digits.", { param: "last4" });
  const changes = { card: { ...card, exp_month, exp_year, last4 } };
  return tx.update("payment_method", method.id, changes, "payment_method.automatically_updated");
}
