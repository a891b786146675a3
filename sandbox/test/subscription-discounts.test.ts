import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { eventLog, payer, priceOf, TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let clock: TestClock;
let customer: Stripe.Customer;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, "2026-01-01T00:00:00Z");
  customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
});
afterEach(() => box.close());

async function subscribed(
  coupon: Stripe.CouponCreateParams,
  params: Partial<Stripe.SubscriptionCreateParams> = {},
): Promise<Stripe.Subscription> {
  const price = await priceOf(box, 1000);
  const { id } = await box.stripe.coupons.create(coupon);
  return box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    discounts: [{ coupon: id }],
    ...params,
  });
}

/** What the subscription's invoices came to, oldest first. */
const totals = async ({ id }: Stripe.Subscription) =>
  (await box.stripe.invoices.list({ subscription: id })).data.map(({ total }) => total).reverse();

test("a coupon for once lowers the first invoice, and is then gone", async () => {
  const told = eventLog(box);
  const created = await subscribed({ percent_off: 25, duration: "once" });
  const types = await told();
  expect(types).toContain("customer.discount.created");
  expect(types.indexOf("customer.discount.deleted")).toBeGreaterThan(types.indexOf("invoice.created"));
  expect((await box.stripe.subscriptions.retrieve(created.id)).discounts).toEqual([]);
  await clock.to("2026-02-02T00:00:00Z");
  expect(await totals(created)).toEqual([750, 1000]);
});

test("a coupon for once is kept through a trial, for the first invoice that costs something", async () => {
  const created = await subscribed({ percent_off: 25, duration: "once" }, { trial_period_days: 7 });
  expect(created.discounts).toHaveLength(1);
  await clock.to("2026-01-09T00:00:00Z");
  expect(await totals(created)).toEqual([0, 750]);
  expect((await box.stripe.subscriptions.retrieve(created.id)).discounts).toEqual([]);
});

test("a coupon for some months lowers the invoices of these months, and tells when it ends", async () => {
  const created = await subscribed({
    amount_off: 300,
    currency: "usd",
    duration: "repeating",
    duration_in_months: 2,
  });
  const told = eventLog(box);
  await told();
  await clock.to("2026-04-02T00:00:00Z");
  expect(await totals(created)).toEqual([700, 700, 1000, 1000]);
  expect((await told()).filter((type) => type === "customer.discount.deleted")).toHaveLength(1);
});

test("a coupon for ever lowers every invoice until it is taken away", async () => {
  const created = await subscribed({ percent_off: 50, duration: "forever" });
  await clock.to("2026-02-02T00:00:00Z");
  const told = eventLog(box);
  await told();
  expect(await box.stripe.subscriptions.deleteDiscount(created.id)).toMatchObject({
    object: "discount",
    deleted: true,
    subscription: created.id,
  });
  expect(await told()).toEqual(["customer.discount.deleted"]);
  await clock.to("2026-03-02T00:00:00Z");
  expect(await totals(created)).toEqual([500, 500, 1000]);
  await expect(box.stripe.subscriptions.deleteDiscount(created.id)).rejects.toMatchObject({
    statusCode: 404,
  });
});

test("pending items are on the next renewal, and take the subscription's discount", async () => {
  const created = await subscribed({ percent_off: 50, duration: "forever" });
  await box.stripe.invoiceItems.create({ customer: customer.id, amount: 400, currency: "usd" });
  await box.stripe.invoiceItems.create({
    customer: customer.id,
    amount: 100,
    currency: "usd",
    discountable: false,
    subscription: created.id,
  });
  await clock.to("2026-02-02T00:00:00Z");
  expect(await totals(created)).toEqual([500, 800]);
  expect((await box.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data).toEqual([]);
});
