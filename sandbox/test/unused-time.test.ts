import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, priceOf, TestClock } from "./support/subscribing.ts";

// Time that was paid for is given back once, however often it turns out not to be used.

jest.setTimeout(30_000);

let box: TestSandbox;
let stripe: Stripe;
let clock: TestClock;
let customer: string;
let price: string;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  // April has 30 days: a dollar of 30 dollars a day.
  clock = await TestClock.start(box, "2026-04-01T00:00:00Z");
  customer = (await payer(box, "pm_card_visa", { test_clock: clock.id })).id;
  price = (await priceOf(box, 3000)).id;
});
afterEach(() => box.close());

const start = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  stripe.subscriptions.create({ customer, items: [{ price }], ...params });
const pending = async () => {
  const { data } = await stripe.invoiceItems.list({ customer, pending: true });
  return data.map(({ amount }) => amount).reverse();
};
const UNCHANGED = { billing_cycle_anchor: { type: "unchanged" as const } };

describe.each(["flexible", "classic"] as const)("in %s billing mode", (type) => {
  test("pausing gives back what is left, canceling nothing more", async () => {
    const { id } = await start({ billing_mode: { type } });
    await clock.to("2026-04-11T00:00:00Z");
    await stripe.subscriptions.pause(id);
    await clock.to("2026-04-21T00:00:00Z");
    await stripe.subscriptions.cancel(id, { prorate: true });
    expect(await pending()).toEqual([-2000]);
  });

  test("pausing that gives nothing back leaves nothing to pay for going on in the same period", async () => {
    const { id } = await start({ billing_mode: { type } });
    await clock.to("2026-04-11T00:00:00Z");
    await stripe.subscriptions.pause(id, { bill_for: { unused_time_from: { type: "none" } } });
    await clock.to("2026-04-16T00:00:00Z");
    await stripe.subscriptions.resume(id, UNCHANGED);
    expect(await pending()).toEqual([]);
    await stripe.subscriptions.cancel(id, { prorate: true });
    expect(await pending()).toEqual([-1500]);
  });

  test("pausing again, without having paid for going on, gives back nothing more", async () => {
    const { id } = await start({ billing_mode: { type } });
    await clock.to("2026-04-11T00:00:00Z");
    await stripe.subscriptions.pause(id);
    await stripe.subscriptions.resume(id, { ...UNCHANGED, proration_behavior: "none" });
    await clock.to("2026-04-21T00:00:00Z");
    await stripe.subscriptions.pause(id);
    expect(await pending()).toEqual([-2000]);
  });

  test("pausing again gives back what going on has cost", async () => {
    const { id } = await start({ billing_mode: { type } });
    await clock.to("2026-04-11T00:00:00Z");
    await stripe.subscriptions.pause(id, { invoicing_behavior: "invoice" });
    await clock.to("2026-04-16T00:00:00Z");
    await stripe.subscriptions.resume(id, UNCHANGED);
    await clock.to("2026-04-21T00:00:00Z");
    await stripe.subscriptions.pause(id);
    expect(await pending()).toEqual([1500, -1000]);
  });

  test("from the beginning of the period, only what was not given back before comes back", async () => {
    const { id } = await start({ billing_mode: { type } });
    await clock.to("2026-04-11T00:00:00Z");
    await stripe.subscriptions.pause(id);
    await stripe.subscriptions.resume(id, { ...UNCHANGED, proration_behavior: "none" });
    await stripe.subscriptions.pause(id, {
      bill_for: {
        outstanding_usage_through: { type: "none" },
        unused_time_from: { type: "item_current_period_start" },
      },
    });
    expect(await pending()).toEqual([-2000, -1000]);
  });
});

test("a paused subscription that kept what was paid gives nothing back when it is canceled", async () => {
  const { id } = await start();
  await clock.to("2026-04-11T00:00:00Z");
  await stripe.subscriptions.pause(id, {
    bill_for: { outstanding_usage_through: { type: "none" }, unused_time_from: { type: "none" } },
  });
  await stripe.subscriptions.cancel(id, { prorate: true });
  expect(await pending()).toEqual([]);
});

test("a subscription whose first payment never came gives nothing back", async () => {
  const { id } = await start({ billing_mode: { type: "classic" }, payment_behavior: "default_incomplete" });
  await stripe.subscriptions.cancel(id, { prorate: true });
  expect(await pending()).toEqual([]);
});
