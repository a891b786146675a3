import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, iso, payer, priceOf, TestClock } from "./support/subscribing.ts";

// What comes late, ends early, or belongs to somebody else.

jest.setTimeout(30_000);

let box: TestSandbox;
let stripe: Stripe;
let clock: TestClock;
let customer: string;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  clock = await TestClock.start(box, "2026-04-01T00:00:00Z");
  customer = (await payer(box, "pm_card_visa", { test_clock: clock.id })).id;
});
afterEach(() => box.close());

const subscribe = (price: string, params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  stripe.subscriptions.create({ customer, items: [{ price }], ...params });

test("usage that arrives while the renewal is a draft is billed with it", async () => {
  const meter = await stripe.billing.meters.create({
    display_name: "Tokens",
    event_name: "tokens",
    default_aggregation: { formula: "sum" },
  });
  const recurring = { interval: "month" as const, usage_type: "metered" as const, meter: meter.id };
  const { id } = await subscribe((await priceOf(box, 5, { recurring })).id);
  const use = (value: string, timestamp: string) =>
    stripe.billing.meterEvents.create({
      event_name: "tokens",
      payload: { stripe_customer_id: customer, value },
      timestamp: at(timestamp),
    });
  await use("100", "2026-04-01T00:00:00Z");
  await clock.to("2026-05-01T00:30:00Z");
  await use("20", "2026-04-30T23:00:00Z");
  await use("1000", "2026-05-01T00:10:00Z");
  await clock.to("2026-05-01T02:00:00Z");
  const { latest_invoice } = await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
  expect(latest_invoice).toMatchObject({
    status: "paid",
    total: 600,
    lines: { data: [{ quantity: 120, amount: 600 }] },
  });
});

test("an end with the period follows a period that begins anew", async () => {
  const monthly = await priceOf(box, 3000);
  const yearly = await priceOf(box, 36_500, { recurring: { interval: "year" } });
  const { id, items } = await subscribe(monthly.id);
  await clock.to("2026-04-11T00:00:00Z");
  await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  const changed = await stripe.subscriptions.update(id, {
    items: [{ id: items.data[0]!.id, price: yearly.id }],
    expand: ["latest_invoice"],
  });
  expect(iso(changed.items.data[0]!.current_period_end)).toBe("2027-04-11T00:00:00");
  expect(changed).toMatchObject({
    cancel_at: at("2027-04-11T00:00:00Z"),
    cancel_at_period_end: true,
    latest_invoice: { total: 36_500 - 2000 },
  });
  expect((await stripe.subscriptions.update(id, { cancel_at_period_end: false })).cancel_at).toBeNull();
});

test("an end with the period that is asked for with such a change is that of the new one", async () => {
  const yearly = await priceOf(box, 36_500, { recurring: { interval: "year" } });
  const { id, items } = await subscribe((await priceOf(box, 3000)).id);
  const changed = await stripe.subscriptions.update(id, {
    items: [{ id: items.data[0]!.id, price: yearly.id }],
    cancel_at_period_end: true,
  });
  expect(iso(changed.cancel_at!)).toBe("2027-04-01T00:00:00");
});

test("collection does not go on for a subscription that has ended", async () => {
  const { id } = await subscribe((await priceOf(box, 3000)).id);
  const resumes_at = at("2026-04-20T00:00:00Z");
  await stripe.subscriptions.update(id, { pause_collection: { behavior: "void", resumes_at } });
  const { id: canceled } = await stripe.subscriptions.cancel(id);
  const before = await box.eventTypes();
  await clock.to("2026-04-21T00:00:00Z");
  const told = (await box.eventTypes()).slice(before.length);
  expect(told.filter((type) => type.startsWith("customer.subscription"))).toEqual([]);
  expect(canceled).toBe(id);
});

test("another customer's discount is refused", async () => {
  const price = (await priceOf(box, 3000)).id;
  const coupon = await stripe.coupons.create({ percent_off: 50, duration: "forever" });
  const theirs = await subscribe(price, { discounts: [{ coupon: coupon.id }] });
  const other = await payer(box);
  await expect(
    subscribe(price, { customer: other.id, discounts: [{ discount: String(theirs.discounts[0]) }] }),
  ).rejects.toMatchObject({ statusCode: 400, code: "resource_missing", param: "discounts[0][discount]" });
  const own = await subscribe(price, { discounts: [{ discount: String(theirs.discounts[0]) }] });
  expect(own.discounts).toEqual(theirs.discounts);
});

test("what a deleted customer was charged stays on their test clock", async () => {
  const method = await stripe.paymentMethods.attach("pm_card_pendingRefund", { customer });
  const intent = await stripe.paymentIntents.create({
    amount: 3900,
    currency: "usd",
    customer,
    payment_method: method.id,
    confirm: true,
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
  await stripe.customers.del(customer);
  const refund = await stripe.refunds.create({ payment_intent: intent.id });
  expect(iso(refund.created)).toBe("2026-04-01T00:00:00");
  await box.advance({ days: 1 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("pending");
  await clock.to("2026-04-02T00:00:00Z");
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("succeeded");
});

test("a card that has expired does not become the customer's at the checkout", async () => {
  const { customer: buyer, session } = await order(stripe);
  const { id } = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  await box.control(`/payment_methods/${id}/update`, { exp_year: 2020 });
  expect((await box.complete(session.id, id)).body.error).toMatchObject({ code: "expired_card" });
  expect((await stripe.customers.listPaymentMethods(buyer.id)).data).toEqual([]);
});
