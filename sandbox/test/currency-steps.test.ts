import type Stripe from "stripe";
import { pay } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

// Nobody can pay half a króna, or a thousandth of a dinar: such amounts are refused where they are set.

let box: TestSandbox;
let stripe: Stripe;
let product: string;
let customer: string;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  product = (await stripe.products.create({ name: "Plan" })).id;
  customer = (await stripe.customers.create()).id;
});
afterEach(() => box.close());

const recurring = { interval: "month" as const };
const refusal = (param: string) => ({ statusCode: 400, code: "invalid_charge_amount", param });
const counts = async () =>
  Promise.all([stripe.prices.list(), stripe.invoiceItems.list(), stripe.coupons.list()]).then((lists) =>
    lists.map(({ data }) => data.length),
  );

test.each([
  ["isk", 150, 200],
  ["ugx", 99, 100],
  ["kwd", 1001, 1010],
  ["bhd", 5, 10],
  ["jod", 15, 20],
  ["omr", 1, 10],
  ["tnd", 9, 10],
])("a price in %s is refused that is off its currency's step", async (currency, off, on) => {
  await expect(stripe.prices.create({ product, currency, unit_amount: off })).rejects.toMatchObject(
    refusal("unit_amount"),
  );
  expect(await stripe.prices.create({ product, currency, unit_amount: on })).toMatchObject({
    unit_amount: on,
  });
});

const OFF = { currency: "isk", unit_amount: 150 };
test.each<[string, (() => Promise<unknown>)[], string]>([
  [
    "another currency of a price",
    [
      () =>
        stripe.prices.create({
          product,
          currency: "usd",
          unit_amount: 100,
          currency_options: { isk: { unit_amount: 150 } },
        }),
    ],
    "currency_options[isk][unit_amount]",
  ],
  [
    "a tier",
    [
      () =>
        stripe.prices.create({
          product,
          currency: "isk",
          recurring,
          billing_scheme: "tiered",
          tiers_mode: "volume",
          tiers: [{ up_to: "inf", flat_amount: 150 }],
        }),
    ],
    "tiers[0][flat_amount]",
  ],
  [
    "a product's own price",
    [() => stripe.products.create({ name: "Plan", default_price_data: OFF })],
    "default_price_data[unit_amount]",
  ],
  [
    "what a Checkout session sells",
    [
      () =>
        stripe.checkout.sessions.create({
          mode: "payment",
          success_url: "http://shop.test/done",
          line_items: [{ quantity: 1, price_data: { ...OFF, product } }],
        }),
    ],
    "line_items[0][price_data][unit_amount]",
  ],
  [
    "what a subscription is made of",
    [
      () =>
        stripe.subscriptions.create({ customer, items: [{ price_data: { ...OFF, product, recurring } }] }),
    ],
    "items[0][price_data][unit_amount]",
  ],
  [
    "an invoice item by its price",
    [() => stripe.invoiceItems.create({ customer, price_data: { ...OFF, product } })],
    "price_data[unit_amount]",
  ],
  [
    "an invoice item, and one that takes off",
    [
      () => stripe.invoiceItems.create({ customer, currency: "isk", amount: 150 }),
      () => stripe.invoiceItems.create({ customer, currency: "isk", amount: -150 }),
    ],
    "amount",
  ],
  [
    "a coupon",
    [() => stripe.coupons.create({ duration: "once", currency: "isk", amount_off: 150 })],
    "amount_off",
  ],
  [
    "another currency of a coupon",
    [
      () =>
        stripe.coupons.create({
          duration: "once",
          currency: "usd",
          amount_off: 100,
          currency_options: { kwd: { amount_off: 1 } },
        }),
    ],
    "currency_options[kwd][amount_off]",
  ],
])("so is the amount of %s", async (_what, calls, param) => {
  const before = await counts();
  for (const call of calls) await expect(call()).rejects.toMatchObject(refusal(param));
  expect(await counts()).toEqual(before);
});

test("so is a part of a payment that is captured, or given back", async () => {
  const held = await pay(stripe, "pm_card_visa", { amount: 3000, currency: "kwd", capture_method: "manual" });
  await expect(stripe.paymentIntents.capture(held.id, { amount_to_capture: 2001 })).rejects.toMatchObject(
    refusal("amount_to_capture"),
  );
  await stripe.paymentIntents.capture(held.id, { amount_to_capture: 2000 });
  await expect(stripe.refunds.create({ payment_intent: held.id, amount: 999 })).rejects.toMatchObject(
    refusal("amount"),
  );
  expect(await stripe.refunds.create({ payment_intent: held.id, amount: 990 })).toMatchObject({
    amount: 990,
  });
});

test("a decimal is the price of one of many, and may be smaller", async () => {
  const { id } = await stripe.prices.create({
    product,
    currency: "isk",
    unit_amount_decimal: "12.5" as never,
  });
  const item = await stripe.invoiceItems.create({ customer, pricing: { price: id }, quantity: 8 });
  expect(item.amount).toBe(100);
});
