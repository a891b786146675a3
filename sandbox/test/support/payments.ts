import type Stripe from "stripe";

export const RETURN = "https://shop.test/back";

type CreateParams = Stripe.PaymentIntentCreateParams;

/** A payment of 39.00 USD, confirmed at once. */
export function pay(
  stripe: Stripe,
  payment_method: string,
  more: Partial<CreateParams> = {},
): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.create({
    amount: 3900,
    currency: "usd",
    payment_method,
    confirm: true,
    return_url: RETURN,
    ...more,
  });
}

/** The charge of such a payment. */
export async function charged(
  stripe: Stripe,
  payment_method: string,
  more: Partial<CreateParams> = {},
): Promise<Stripe.Charge> {
  const { latest_charge } = await pay(stripe, payment_method, more);
  return stripe.charges.retrieve(String(latest_charge));
}

/** All movements of money, newest first. */
export async function movements(stripe: Stripe, source?: string): Promise<Stripe.BalanceTransaction[]> {
  const found: Stripe.BalanceTransaction[] = [];
  for await (const movement of stripe.balanceTransactions.list({ limit: 100, ...(source && { source }) }))
    found.push(movement);
  return found;
}
