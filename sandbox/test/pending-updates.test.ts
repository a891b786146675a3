import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, iso, payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

// Changes that wait for their payment. https://docs.stripe.com/billing/subscriptions/pending-updates

jest.setTimeout(30_000);

let box: TestSandbox;
let stripe: Stripe;
let clock: TestClock;
let customer: string;
let basic: string;
let plus: string;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  clock = await TestClock.start(box, "2026-04-01T00:00:00Z");
  customer = (await payer(box, "pm_card_visa", { test_clock: clock.id })).id;
  [basic, plus] = [(await priceOf(box, 3000)).id, (await priceOf(box, 6000)).id];
  subscription = await start();
});
afterEach(() => box.close());

const start = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  stripe.subscriptions.create({ customer, items: [{ price: basic }], ...params });
const current = () => stripe.subscriptions.retrieve(subscription.id, { expand: ["latest_invoice"] });
const paid = async () =>
  (await stripe.invoices.list({ customer, status: "paid" })).data.map(({ total }) => total);

/** An upgrade that waits, because the card is declined. */
async function wait(params: Stripe.SubscriptionUpdateParams = {}): Promise<Stripe.Subscription> {
  await useCard(box, customer, "pm_card_chargeCustomerFail");
  const [item] = subscription.items.data;
  return stripe.subscriptions.update(subscription.id, {
    items: [{ id: item!.id, price: plus }],
    proration_behavior: "always_invoice",
    payment_behavior: "pending_if_incomplete",
    expand: ["latest_invoice"],
    ...params,
  });
}

test("a change waits for 23 hours at most", async () => {
  await clock.to("2026-04-16T00:00:00Z");
  expect(iso((await wait()).pending_update!.expires_at)).toBe("2026-04-16T23:00:00");
});

test("it waits no longer than the period lasts, and the renewal bills what there was", async () => {
  await clock.to("2026-04-30T12:00:00Z");
  const waiting = await wait();
  expect(iso(waiting.pending_update!.expires_at)).toBe("2026-05-01T00:00:00");
  await useCard(box, customer, "pm_card_visa");
  await clock.to("2026-05-01T02:00:00Z");
  const renewed = await current();
  expect(renewed).toMatchObject({ pending_update: null, latest_invoice: { status: "paid", total: 3000 } });
  expect(renewed.items.data[0]).toMatchObject({
    price: { id: basic },
    current_period_start: at("2026-05-01T00:00:00Z"),
  });
  const invoice = (waiting.latest_invoice as Stripe.Invoice).id;
  expect((await stripe.invoices.retrieve(invoice)).status).toBe("void");
  expect(await paid()).toEqual([3000, 3000]);
});

test("it waits no longer than the trial lasts", async () => {
  const trial_end = at("2026-04-16T00:00:00Z");
  subscription = await start({ trial_end });
  await clock.to("2026-04-15T12:00:00Z");
  const waiting = await wait({ billing_cycle_anchor: { type: "now" }, trial_end: "now" });
  expect(waiting.pending_update!.expires_at).toBe(trial_end);
});

test("once paid, it changes what the items have become in the meantime", async () => {
  await clock.to("2026-04-16T00:00:00Z");
  const waiting = await wait();
  await stripe.subscriptions.update(subscription.id, { cancel_at: at("2026-04-26T00:00:00Z") });
  const visa = await useCard(box, customer, "pm_card_visa");
  await stripe.invoices.pay((waiting.latest_invoice as Stripe.Invoice).id, { payment_method: visa });
  const [item] = (await current()).items.data;
  expect(item).toMatchObject({ price: { id: plus }, current_period_end: at("2026-04-26T00:00:00Z") });
});

test("a canceled subscription is not changed any more, and the invoice of the change is void", async () => {
  const waiting = await wait();
  await stripe.subscriptions.cancel(subscription.id);
  const invoice = (waiting.latest_invoice as Stripe.Invoice).id;
  expect((await stripe.invoices.retrieve(invoice)).status).toBe("void");
  expect(await current()).toMatchObject({ status: "canceled", pending_update: null });
});
