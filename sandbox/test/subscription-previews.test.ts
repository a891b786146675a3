import { jest } from "@jest/globals";
import fc from "fast-check";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, iso, payer, priceOf, TestClock } from "./support/subscribing.ts";

jest.setTimeout(60_000);

const START = "2026-04-01T00:00:00Z";
let box: TestSandbox;
let clock: TestClock;
let customer: Stripe.Customer;
let basic: Stripe.Price;
let plus: Stripe.Price;
let yearly: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
  customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
  basic = await priceOf(box, 2999);
  plus = await priceOf(box, 7351);
  yearly = await priceOf(box, 50_001, { recurring: { interval: "year" } });
});
afterEach(() => box.close());

const start = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: basic.id }], ...params });
const preview = (params: Stripe.InvoiceCreatePreviewParams) => box.stripe.invoices.createPreview(params);
const amounts = ({ lines }: Stripe.Invoice) =>
  lines.data.map(({ amount, description }) => [amount, description]);
const latest = async (id: string) =>
  (await box.stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] }))
    .latest_invoice as Stripe.Invoice;

test("the next renewal is what will be charged, and looking ahead changes nothing", async () => {
  const { id } = await start();
  const before = await box.events();
  const ahead = await preview({ subscription: id });
  expect(ahead).toMatchObject({ total: 2999, amount_due: 2999, status: "draft", billing_reason: "upcoming" });
  expect(iso(ahead.lines.data[0]!.period.start)).toBe("2026-05-01T00:00:00");
  expect(await box.events()).toEqual(before);
  await clock.to("2026-05-01T02:00:00Z");
  const real = await latest(id);
  expect(amounts(real)).toEqual(amounts(ahead));
  expect(real.amount_paid).toBe(ahead.amount_due);
});

test("an upgrade to be billed with the renewal shows prorations and the renewal", async () => {
  const subscription = await start();
  await clock.to("2026-04-16T00:00:00Z");
  const items = [{ id: subscription.items.data[0]!.id, price: plus.id }];
  const proration_date = at("2026-04-16T00:00:00Z");
  const ahead = await preview({
    subscription: subscription.id,
    subscription_details: { items, proration_date },
  });
  expect(ahead.lines.data.map(({ amount }) => amount)).toEqual([-1500, 3676, 7351]);
  await clock.to("2026-04-20T00:00:00Z");
  await box.stripe.subscriptions.update(subscription.id, { items, proration_date });
  await clock.to("2026-05-01T02:00:00Z");
  expect(amounts(await latest(subscription.id))).toEqual(amounts(ahead));
});

test("a preview equals, to the cent, the invoice of the same change with the same proration date", async () => {
  const coupon = await box.stripe.coupons.create({ percent_off: 33.3, duration: "forever" });
  const prices = [basic, plus, yearly];
  const change = fc.record({
    second: fc.integer({ min: 1, max: 29 * DAY_SECONDS }),
    later: fc.integer({ min: 0, max: 3600 }),
    from: fc.constantFrom(0, 1),
    to: fc.constantFrom(0, 1, 2),
    quantities: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
    discounted: fc.boolean(),
    classic: fc.boolean(),
    proration_behavior: fc.constantFrom(
      "always_invoice" as const,
      "create_prorations" as const,
      "none" as const,
    ),
    anchor: fc.constantFrom(undefined, { type: "now" as const }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ second, later, from, to, quantities, anchor, ...rest }) => {
      const own = await TestClock.start(box, START);
      const { id: owner } = await payer(box, "pm_card_visa", { test_clock: own.id });
      const subscription = await box.stripe.subscriptions.create({
        customer: owner,
        items: [{ price: prices[from]!.id, quantity: quantities[0] }],
        ...(rest.discounted && { discounts: [{ coupon: coupon.id }] }),
        ...(rest.classic && { billing_mode: { type: "classic" as const } }),
      });
      const proration_date = at(START) + second;
      await own.to(proration_date);
      const asked = {
        items: [{ id: subscription.items.data[0]!.id, price: prices[to]!.id, quantity: quantities[1] }],
        proration_behavior: rest.proration_behavior,
        proration_date,
        ...(anchor && { billing_cycle_anchor: anchor }),
      };
      const ahead = await preview({ subscription: subscription.id, subscription_details: asked });
      await own.to(Math.min(proration_date + later, at("2026-04-30T23:00:00Z")));
      await box.stripe.subscriptions.update(subscription.id, asked);
      if ((await latest(subscription.id)).id === subscription.latest_invoice)
        await own.to("2026-05-01T02:00:00Z");
      const real = await latest(subscription.id);
      expect([real.subtotal, real.total, real.amount_due]).toEqual([
        ahead.subtotal,
        ahead.total,
        ahead.amount_due,
      ]);
      expect(amounts(real)).toEqual(amounts(ahead));
      await box.stripe.testHelpers.testClocks.del(own.id);
    }),
    { numRuns: 25 },
  );
});

test("a new subscription shows its first invoice, for a customer or for nobody yet", async () => {
  const coupon = await box.stripe.coupons.create({ amount_off: 500, currency: "usd", duration: "once" });
  const items = [{ price: basic.id, quantity: 2 }];
  const known = await preview({
    customer: customer.id,
    subscription_details: { items },
    discounts: [{ coupon: coupon.id }],
  });
  expect(known).toMatchObject({ customer: customer.id, subtotal: 5998, total: 5498 });
  const nobody = await preview({ subscription_details: { items } });
  expect([nobody.total, nobody.lines.data.length]).toEqual([5998, 1]);
  const real = await start({ items, discounts: [{ coupon: coupon.id }] });
  expect((await latest(real.id)).amount_paid).toBe(known.amount_due);
  expect((await box.stripe.subscriptions.list({ customer: customer.id })).data).toHaveLength(1);
});

test("items of one's own are added to the next invoice", async () => {
  const { id } = await start();
  const ahead = await preview({
    subscription: id,
    invoice_items: [{ amount: -299, currency: "usd", description: "Thanks" }],
  });
  expect(ahead.total).toBe(2700);
  expect((await box.stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([]);
});

test("an end now shows what is given back", async () => {
  const { id } = await start();
  await clock.to("2026-04-16T00:00:00Z");
  const ahead = await preview({ subscription: id, subscription_details: { cancel_now: true } });
  expect(ahead).toMatchObject({ total: -1500, amount_due: 0 });
  expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("active");
});

test("an end with the period leaves nothing to come", async () => {
  const { id } = await start();
  const ending = { cancel_at_period_end: true };
  await expect(preview({ subscription: id, subscription_details: ending })).rejects.toMatchObject({
    code: "invoice_upcoming_none",
    statusCode: 404,
  });
  expect((await preview({ subscription: id })).total).toBe(2999);
  await box.stripe.subscriptions.cancel(id);
  await expect(preview({ subscription: id })).rejects.toMatchObject({ code: "invoice_upcoming_none" });
});

test("a paused subscription shows what going on costs", async () => {
  const { id } = await start();
  await box.stripe.subscriptions.pause(id, { bill_for: { unused_time_from: { type: "none" } } });
  await clock.to("2026-04-11T00:00:00Z");
  expect((await preview({ subscription: id, subscription_details: { resume_at: "now" } })).total).toBe(2999);
  expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("paused");
});

test("someone else's subscription is refused", async () => {
  const { id } = await start();
  const other = await box.stripe.customers.create();
  await expect(preview({ subscription: id, customer: other.id })).rejects.toMatchObject({
    param: "subscription",
  });
  await expect(preview({ subscription: "sub_x" })).rejects.toMatchObject({ code: "resource_missing" });
});
