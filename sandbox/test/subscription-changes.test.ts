import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { amountsOf, HALF, invoiceOf, Subscriber } from "./support/subscriber.ts";
import { at, eventLog, iso, priceOf, type TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let price: Stripe.Price;
let subscription: Stripe.Subscription;
let plus: Stripe.Price;
let euro: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, price, subscription } = subscriber);
  plus = await priceOf(box, 6000);
  euro = await priceOf(box, 3000, { currency: "eur" });
});
afterEach(() => box.close());

const upgrade = (params: Stripe.SubscriptionUpdateParams = {}) =>
  subscriber.update({ items: [{ id: subscriber.item, price: plus.id }], ...params });

describe("items", () => {
  beforeEach(() => clock.to(HALF));

  test("change their quantity, and only the difference is paid", async () => {
    const changed = await subscriber.update({
      items: [{ id: subscriber.item, quantity: 3 }],
      proration_behavior: "always_invoice",
    });
    expect(amountsOf(invoiceOf(changed))).toEqual([-1500, 4500]);
    expect(changed.items.data[0]!.quantity).toBe(3);
  });

  test("have the quantity 1 again when their price changes and none is given", async () => {
    await subscriber.update({ items: [{ id: subscriber.item, quantity: 3 }] });
    expect((await upgrade()).items.data[0]!.quantity).toBe(1);
    expect(
      (await subscriber.update({ items: [{ id: subscriber.item, price: price.id, quantity: 2 }] })).items
        .data[0]!.quantity,
    ).toBe(2);
  });

  test("are added where no id is given, and taken away where that is said", async () => {
    const added = await subscriber.update({ items: [{ price: plus.id }] });
    expect(added.items.data.map((item) => item.price.id)).toEqual([price.id, plus.id]);
    expect(await subscriber.pending()).toEqual([3000]);
    const gone = await subscriber.update({ items: [{ id: subscriber.item, deleted: true }] });
    expect(gone.items.data.map((item) => item.price.id)).toEqual([plus.id]);
    expect(await subscriber.pending()).toEqual([3000, -1500]);
  });

  test.each<[string, () => Stripe.SubscriptionUpdateParams, object]>([
    [
      "an item of another subscription",
      () => ({ items: [{ id: "si_x", quantity: 2 }] }),
      { code: "resource_missing" },
    ],
    ["no item at all", () => ({ items: [{ id: subscriber.item, deleted: true }] }), { param: "items" }],
    ["a price twice", () => ({ items: [{ price: price.id }] }), { param: "items" }],
    [
      "a price in another currency",
      () => ({ items: [{ id: subscriber.item, price: euro.id }] }),
      { statusCode: 400 },
    ],
    [
      "more than can be charged",
      () => ({ items: [{ id: subscriber.item, quantity: 900_000 }], proration_behavior: "always_invoice" }),
      { code: "amount_too_large" },
    ],
    [
      "a price nobody knows",
      () => ({ items: [{ id: subscriber.item, price: "price_x" }] }),
      { param: "items[0][price]" },
    ],
  ])("cannot be %s", async (_what, params, refusal) => {
    await expect(subscriber.update(params())).rejects.toMatchObject(refusal);
    expect((await subscriber.current()).items).toEqual(subscription.items);
    expect(await subscriber.pending()).toEqual([]);
  });
});

describe("the anchor", () => {
  test("is reset on demand: a new period is billed, the old one given back", async () => {
    await clock.to(HALF);
    const changed = await subscriber.update({ billing_cycle_anchor: { type: "now" } });
    expect(amountsOf(invoiceOf(changed))).toEqual([-1500, 3000]);
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-16T00:00:00");
    const again = await subscriber.update({ billing_cycle_anchor: { type: "unchanged" } });
    expect(again.billing_cycle_anchor).toBe(changed.billing_cycle_anchor);
  });
});

describe("a trial of a running subscription", () => {
  test("begins with credit for the rest of the period, and ends with a renewal", async () => {
    await clock.to(HALF);
    const changed = await subscriber.update({ trial_end: at("2026-04-26T00:00:00Z") });
    expect(changed).toMatchObject({ status: "trialing", billing_cycle_anchor: at("2026-04-26T00:00:00Z") });
    expect(amountsOf(invoiceOf(changed))).toEqual([-1500, 0]);
    await clock.to("2026-04-26T02:00:00Z");
    const after = await subscriber.current();
    expect(after.status).toBe("active");
    expect(invoiceOf(after)).toMatchObject({ total: 3000, amount_paid: 1500 });
  });

  test("is ended now, and the first period is billed", async () => {
    subscription = await subscriber.subscribe({ trial_period_days: 10 });
    await clock.to("2026-04-03T00:00:00Z");
    const told = eventLog(box);
    await told();
    const changed = await subscriber.update({ trial_end: "now" });
    expect(changed).toMatchObject({ status: "active", trial_end: at("2026-04-03T00:00:00Z") });
    expect(invoiceOf(changed)).toMatchObject({ amount_paid: 3000, billing_reason: "subscription_update" });
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-03T00:00:00");
    expect((await told()).slice(0, 2)).toEqual([
      "customer.subscription.updated",
      "customer.subscription.trial_will_end",
    ]);
  });

  test("is made longer without a bill", async () => {
    subscription = await subscriber.subscribe({ trial_period_days: 10 });
    const changed = await subscriber.update({ trial_end: at("2026-04-21T00:00:00Z") });
    expect(changed).toMatchObject({ status: "trialing", trial_end: at("2026-04-21T00:00:00Z") });
    expect(changed.items.data[0]!.current_period_end).toBe(changed.trial_end);
    expect(invoiceOf(changed).id).toBe(subscription.latest_invoice);
    await upgrade();
    expect(await subscriber.pending()).toEqual([]);
  });
});
