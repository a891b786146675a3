import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const coupon = (params: Stripe.CouponCreateParams) => box.stripe.coupons.create(params);
const code = async (
  params: Stripe.CouponCreateParams,
  more: Partial<Stripe.PromotionCodeCreateParams> = {},
) => {
  const { id } = await coupon(params);
  return box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: id }, ...more });
};
const retrieve = (id: string, expand: string[] = []) => box.stripe.checkout.sessions.retrieve(id, { expand });
const item = (unit_amount: number, name: string, currency = "usd") => ({
  quantity: 1,
  price_data: { currency, unit_amount, product_data: { name } },
});
const payment = (params: Partial<Stripe.Checkout.SessionCreateParams>) =>
  box.stripe.checkout.sessions.create({
    mode: "payment",
    success_url: "http://shop.test/done",
    line_items: [item(1000, "Mug")],
    ...params,
  });

test("a coupon is taken off the session, its payment, and the subscription that comes of it", async () => {
  const { id } = await coupon({ percent_off: 25, duration: "repeating", duration_in_months: 3 });
  const { session } = await order(box.stripe, { discounts: [{ coupon: id }] });
  expect(session).toMatchObject({
    amount_subtotal: 3900,
    amount_total: 2925,
    total_details: { amount_discount: 975 },
    discounts: [{ coupon: id, promotion_code: null }],
  });
  const [line] = (await box.stripe.checkout.sessions.listLineItems(session.id)).data;
  expect(line).toMatchObject({ amount_subtotal: 3900, amount_discount: 975, amount_total: 2925 });
  expect((await box.stripe.coupons.retrieve(id)).times_redeemed).toBe(0);

  await box.complete(session.id, "pm_card_visa");
  const { subscription } = await retrieve(session.id, [
    "subscription.latest_invoice",
    "subscription.discounts",
  ]);
  expect(subscription).toMatchObject({
    discounts: [{ source: { coupon: id } }],
    latest_invoice: { subtotal: 3900, total: 2925, amount_paid: 2925 },
  });
  expect((await box.stripe.charges.list()).data.map(({ amount }) => amount)).toEqual([2925]);
  expect((await box.stripe.coupons.retrieve(id)).times_redeemed).toBe(1);
});

test("an amount off is shared among the items, to the last unit, also where there are no cents", async () => {
  const { id } = await coupon({ amount_off: 100, currency: "jpy", duration: "once" });
  const session = await payment({
    line_items: [item(333, "A", "jpy"), item(333, "B", "jpy"), item(334, "C", "jpy")],
    discounts: [{ coupon: id }],
  });
  expect(session).toMatchObject({ amount_subtotal: 1000, amount_total: 900 });
  const { data } = await box.stripe.checkout.sessions.listLineItems(session.id);
  expect(data.reduce((sum, line) => sum + line.amount_discount, 0)).toBe(100);
  expect(data.every((line) => line.amount_total === line.amount_subtotal - line.amount_discount)).toBe(true);
});

test("a one-time payment redeems its coupon, also on the invoice afterwards", async () => {
  const { id } = await coupon({ amount_off: 250, currency: "usd", duration: "once" });
  const session = await payment({ discounts: [{ coupon: id }], invoice_creation: { enabled: true } });
  await box.complete(session.id, "pm_card_visa", { email: "ada@example.com" });
  expect(await retrieve(session.id, ["invoice", "payment_intent"])).toMatchObject({
    payment_intent: { amount: 750 },
    invoice: { subtotal: 1000, total: 750, amount_paid: 750, status: "paid" },
  });
  expect((await box.stripe.coupons.retrieve(id)).times_redeemed).toBe(1);
});

test("all off is no payment at all, and a subscription all the same", async () => {
  const { id } = await coupon({ percent_off: 100, duration: "forever" });
  const { session } = await order(box.stripe, {
    discounts: [{ coupon: id }],
    payment_method_collection: "if_required",
  });
  expect((await box.complete(session.id, "")).status).toBe(200);
  expect(await retrieve(session.id, ["subscription.latest_invoice"])).toMatchObject({
    payment_status: "no_payment_required",
    amount_total: 0,
    subscription: {
      status: "active",
      default_payment_method: null,
      latest_invoice: { status: "paid", total: 0 },
    },
  });
  expect((await box.stripe.charges.list()).data).toEqual([]);
});

test("a method is still asked for when all is off, unless the session says otherwise", async () => {
  const { id } = await coupon({ percent_off: 100, duration: "forever" });
  const { session } = await order(box.stripe, { discounts: [{ coupon: id }] });
  expect((await box.complete(session.id, "")).status).toBe(400);
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
});

test("a code that the payer knows is redeemed, in whatever case it is typed", async () => {
  const promotion = await code({ percent_off: 50, duration: "once" }, { code: "SUMMER" });
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  await box.complete(session.id, "pm_card_visa", { promotion_code: "summer" });
  expect(await retrieve(session.id, ["subscription.latest_invoice"])).toMatchObject({
    amount_total: 1950,
    discounts: [{ coupon: null, promotion_code: promotion.id }],
    subscription: { latest_invoice: { amount_paid: 1950 }, discounts: [] },
  });
  expect((await box.stripe.promotionCodes.retrieve(promotion.id)).times_redeemed).toBe(1);
});

test("a code typed after a refused card makes the next attempt cheaper", async () => {
  await code({ percent_off: 50, duration: "once" }, { code: "SUMMER" });
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  await box.complete(session.id, "pm_card_chargeDeclined");
  await box.complete(session.id, "pm_card_visa", { promotion_code: "SUMMER" });
  const { data } = await box.stripe.charges.list();
  expect(data.map(({ amount, paid }) => [amount, paid])).toEqual([
    [1950, true],
    [3900, false],
  ]);
});

test("a code that nobody made, or that is not for this order, changes nothing", async () => {
  await code(
    { percent_off: 50, duration: "once" },
    { code: "BIG", restrictions: { minimum_amount: 5000, minimum_amount_currency: "usd" } },
  );
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  for (const promotion_code of ["NONE", "BIG"]) {
    expect(await box.complete(session.id, "pm_card_visa", { promotion_code })).toMatchObject({
      status: 400,
      body: { error: { param: expect.stringContaining("promotion_code") } },
    });
  }
  expect(await retrieve(session.id)).toMatchObject({ status: "open", amount_total: 3900, discounts: [] });
});

test.each<[string, () => Promise<Stripe.Checkout.SessionCreateParams.Discount>]>([
  ["a coupon that is not", async () => ({ coupon: "none" })],
  [
    "a coupon of another currency",
    async () => ({ coupon: (await coupon({ amount_off: 5, currency: "eur" })).id }),
  ],
  [
    "a coupon that is used up",
    async () => {
      const { id } = await coupon({ percent_off: 10, max_redemptions: 1 });
      const { session } = await order(box.stripe, { discounts: [{ coupon: id }] });
      await box.complete(session.id, "pm_card_visa");
      return { coupon: id };
    },
  ],
  [
    "a code for first purchases, from a guest",
    async () => ({
      promotion_code: (await code({ percent_off: 10 }, { restrictions: { first_time_transaction: true } }))
        .id,
    }),
  ],
])("%s is refused when the session is created", async (_what, discount) => {
  const given = await discount();
  await expect(payment({ discounts: [given] })).rejects.toMatchObject({ statusCode: 400 });
});

test("a session takes a code only when it was made to", async () => {
  await code({ percent_off: 50 }, { code: "SUMMER" });
  const { session } = await order(box.stripe);
  expect((await box.complete(session.id, "pm_card_visa", { promotion_code: "SUMMER" })).status).toBe(400);
  expect((await retrieve(session.id)).status).toBe("open");
});
