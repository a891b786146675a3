import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { month, phase, Scheduler } from "./support/scheduler.ts";
import { at, type TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

const START = "2026-04-01T00:00:00Z";
let box: TestSandbox;
let scheduler: Scheduler;
let clock: TestClock;
let customer: Stripe.Customer;
let basic: Stripe.Price;
let plus: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  scheduler = await Scheduler.start(box);
  ({ clock, customer, basic, plus } = scheduler);
});
afterEach(() => box.close());

describe("a subscription that is handed to a schedule", () => {
  let subscription: Stripe.Subscription;
  beforeEach(async () => {
    subscription = await box.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: basic.id, quantity: 2 }],
    });
  });
  const from = () => box.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });

  test("keeps its period as the first phase, and changes with the next", async () => {
    const schedule = await from();
    expect(schedule).toMatchObject({
      status: "active",
      subscription: subscription.id,
      phases: [
        {
          start_date: at(START),
          end_date: at("2026-05-01T00:00:00Z"),
          items: [{ price: basic.id, quantity: 2 }],
        },
      ],
    });
    const [current] = schedule.phases;
    const updated = await box.stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        {
          items: [{ price: basic.id, quantity: 2 }],
          start_date: current!.start_date,
          end_date: current!.end_date,
        },
        { items: [{ price: plus.id, quantity: 1 }], duration: month },
      ],
      metadata: { plan: "downgrade" },
    });
    expect(updated).toMatchObject({
      metadata: { plan: "downgrade" },
      phases: [{}, { items: [{ price: plus.id }] }],
    });
    expect((await box.stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([]);
    await clock.to("2026-05-01T02:00:00Z");
    expect(await scheduler.invoices(subscription.id)).toEqual([[6000], [6000]]);
    const after = await box.stripe.subscriptions.retrieve(subscription.id);
    expect(after.items.data).toMatchObject([{ price: { id: plus.id }, quantity: 1 }]);
  });

  test("changes at once with its current phase, with prorations", async () => {
    const schedule = await from();
    await clock.to("2026-04-16T00:00:00Z");
    await box.stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        {
          items: [{ price: plus.id, quantity: 1 }],
          start_date: at(START),
          end_date: at("2026-05-01T00:00:00Z"),
        },
      ],
      proration_behavior: "always_invoice",
      end_behavior: "cancel",
    });
    expect(await scheduler.invoices(subscription.id)).toEqual([[6000], [-3000, 3000]]);
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      cancel_at: at("2026-05-01T00:00:00Z"),
    });
  });

  test("goes on alone when it is released", async () => {
    const schedule = await from();
    expect(await box.stripe.subscriptionSchedules.release(schedule.id)).toMatchObject({
      status: "released",
      released_subscription: subscription.id,
    });
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      schedule: null,
      status: "active",
    });
    await expect(box.stripe.subscriptionSchedules.release(schedule.id)).rejects.toMatchObject({
      statusCode: 400,
    });
    await expect(
      box.stripe.subscriptionSchedules.update(schedule.id, { metadata: { a: "b" } }),
    ).rejects.toMatchObject({
      statusCode: 400,
    });
    expect((await from()).status).toBe("active");
  });

  test("ends when the schedule is canceled, with the rest given back", async () => {
    const schedule = await from();
    await clock.to("2026-04-16T00:00:00Z");
    expect(await box.stripe.subscriptionSchedules.cancel(schedule.id)).toMatchObject({
      status: "canceled",
      canceled_at: at("2026-04-16T00:00:00Z"),
    });
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "canceled" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -3000 });
    await expect(box.stripe.subscriptionSchedules.cancel(schedule.id)).rejects.toMatchObject({
      statusCode: 400,
    });
  });

  test("takes the schedule with it when it is canceled itself", async () => {
    const schedule = await from();
    await box.stripe.subscriptions.cancel(subscription.id);
    expect(await box.stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      status: "canceled",
    });
  });

  test("can neither be paused nor told to end while the schedule manages it", async () => {
    await from();
    await expect(from()).rejects.toMatchObject({ param: "from_subscription" });
    await expect(box.stripe.subscriptions.pause(subscription.id)).rejects.toMatchObject({ statusCode: 400 });
    for (const params of [{ cancel_at_period_end: true }, { cancel_at: at("2026-04-20T00:00:00Z") }]) {
      await expect(box.stripe.subscriptions.update(subscription.id, params)).rejects.toThrow(/schedule/);
    }
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: "active",
      cancel_at: null,
    });
  });
});

describe("the coupons of a schedule", () => {
  const couponOf = (params: Partial<Stripe.CouponCreateParams> = {}) =>
    box.stripe.coupons.create({ percent_off: 50, duration: "forever", ...params });
  const discountsOf = async (schedule: Stripe.SubscriptionSchedule) =>
    (await scheduler.subscriptionOf(schedule)).discounts;

  test.each([
    ["deleted", {}, (id: string) => box.stripe.coupons.del(id)],
    [
      "used up",
      { max_redemptions: 1 },
      (coupon: string) =>
        box.stripe.customers
          .create({})
          .then(({ id }) => box.stripe.invoices.create({ customer: id, discounts: [{ coupon }] })),
    ],
  ])("do not stop a phase when they are %s", async (_, params, end) => {
    const coupon = await couponOf(params);
    const schedule = await scheduler.create([
      phase(basic),
      phase(plus, { discounts: [{ coupon: coupon.id }] }),
    ]);
    await end(coupon.id);
    await clock.to("2026-05-01T02:00:00Z");
    const second = await scheduler.subscriptionOf(schedule);
    expect(second).toMatchObject({
      discounts: [],
      items: { data: [{ price: { id: plus.id } }] },
      latest_invoice: { total: 6000 },
    });
  });

  test("are redeemed once, however often the schedule is changed", async () => {
    const coupon = await couponOf({ max_redemptions: 1 });
    const phases = [phase(basic, { discounts: [{ coupon: coupon.id }] }), phase(plus)];
    const schedule = await scheduler.create(phases);
    const before = await discountsOf(schedule);
    await box.stripe.subscriptionSchedules.update(schedule.id, {
      phases: [{ ...phases[0]!, start_date: at(START) }, phases[1]!],
    });
    expect(await discountsOf(schedule)).toEqual(before);
    expect(await box.stripe.coupons.retrieve(coupon.id)).toMatchObject({ times_redeemed: 1 });
  });
});
