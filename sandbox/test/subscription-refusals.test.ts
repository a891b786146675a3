import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { nothingIsKept, payer, priceOf } from "./support/subscribing.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

type Params = Partial<Stripe.SubscriptionCreateParams>;

describe("what Stripe refuses, and then keeps nothing of", () => {
  let dear: Stripe.Price;
  beforeEach(async () => {
    dear = await priceOf(box, 100_000);
  });
  const now = () => Math.floor(box.sandbox.now().getTime() / 1000);
  test.each<[string, () => Params, object]>([
    ["no method to charge", () => ({}), { code: "resource_missing", statusCode: 400 }],
    [
      "an update's behaviour",
      () => ({ payment_behavior: "pending_if_incomplete" }),
      { param: "payment_behavior" },
    ],
    ["nothing to subscribe to", () => ({ items: [] }), { param: "items" }],
    [
      "a price nobody knows",
      () => ({ items: [{ price: "price_x" }] }),
      { code: "resource_missing", param: "items[0][price]" },
    ],
    [
      "a quantity below nothing",
      () => ({ items: [{ price: "price_x", quantity: -1 }] }),
      { param: "items[0][quantity]" },
    ],
    [
      "too large a quantity",
      () => ({ items: [{ price: "price_x", quantity: 1_000_000 }] }),
      { param: "items[0][quantity]" },
    ],
    [
      "more than can be charged",
      () => ({ items: [{ price: dear.id, quantity: 999_999 }], payment_behavior: "default_incomplete" }),
      { code: "amount_too_large" },
    ],
    ["a trial that is over", () => ({ trial_end: now() - 5 }), { param: "trial_end" }],
    [
      "two trials",
      () => ({ trial_end: now() + DAY_SECONDS, trial_period_days: 3 }),
      { code: "parameters_exclusive" },
    ],
    ["too long a trial", () => ({ trial_end: now() + 800 * DAY_SECONDS }), { param: "trial_end" }],
    ["an anchor in the past", () => ({ billing_cycle_anchor: now() - 5 }), { param: "billing_cycle_anchor" }],
    [
      "an anchor beyond the first period",
      () => ({ billing_cycle_anchor: now() + 40 * DAY_SECONDS }),
      { param: "billing_cycle_anchor" },
    ],
    ["an end in the past", () => ({ cancel_at: now() - 5 }), { param: "cancel_at" }],
    [
      "two ends",
      () => ({ cancel_at: now() + DAY_SECONDS, cancel_at_period_end: true }),
      { code: "parameters_exclusive" },
    ],
    [
      "sending without a due date",
      () => ({ collection_method: "send_invoice" }),
      { param: "days_until_due" },
    ],
    ["a due date without sending", () => ({ days_until_due: 3 }), { param: "days_until_due" }],
    ["a coupon nobody knows", () => ({ discounts: [{ coupon: "none" }] }), { param: "discounts[0][coupon]" }],
    [
      "someone else's method",
      () => ({ default_payment_method: "pm_x" }),
      { param: "default_payment_method" },
    ],
  ])("%s", async (_what, params, refusal) => {
    const price = await priceOf(box, 1000);
    const customer = await box.stripe.customers.create();
    await expect(
      box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }], ...params() }),
    ).rejects.toMatchObject(refusal);
    await nothingIsKept(box, customer.id);
  });

  test("prices that cannot be together", async () => {
    const customer = await payer(box);
    const [monthly, yearly, euro, once, old] = await Promise.all([
      priceOf(box, 100),
      priceOf(box, 1000, { recurring: { interval: "year" } }),
      priceOf(box, 100, { currency: "eur" }),
      priceOf(box, 100, { recurring: undefined }),
      priceOf(box, 100, { active: false }),
    ]);
    const create = (prices: Stripe.Price[], params: Params = {}) =>
      box.stripe.subscriptions.create({
        customer: customer.id,
        items: prices.map(({ id }) => ({ price: id })),
        ...params,
      });
    await expect(create([monthly!, monthly!])).rejects.toMatchObject({ param: "items" });
    await expect(create([monthly!, yearly!], { billing_mode: { type: "classic" } })).rejects.toThrow(
      /interval/,
    );
    await expect(create([monthly!, euro!])).rejects.toThrow(/currency/);
    await expect(create([once!])).rejects.toThrow(/type=one_time/);
    await expect(create([old!])).rejects.toThrow(/inactive/);
    await nothingIsKept(box, customer.id);
    await create([monthly!, yearly!]);
    await expect(create([euro!])).rejects.toThrow(/combine currencies/);
  });
});
