import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";

/** Something to buy that is priced on the spot. */
export const mug = (unit_amount = 1500, currency = "usd") => ({
  quantity: 1,
  price_data: { currency, unit_amount, product_data: { name: "Mug", description: "Blue" } },
});

/** A session in which something is bought once: a mug unless it is said otherwise. */
export const payment = ({ stripe }: TestSandbox, params: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
  stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [mug()],
    success_url: "http://shop.test/done",
    ...params,
  });

/** A session in which a method is set up. */
export const setup = ({ stripe }: TestSandbox, params: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
  stripe.checkout.sessions.create({
    mode: "setup",
    currency: "usd",
    success_url: "http://shop.test/done",
    ...params,
  });
