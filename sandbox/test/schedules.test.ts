import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

const START = "2026-04-01T00:00:00Z";
let box: TestSandbox;
let clock: TestClock;
let customer: Stripe.Customer;
let basic: Stripe.Price;
let plus: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
  customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
  [basic, plus] = [await priceOf(box, 3000), await priceOf(box, 6000)];
});
afterEach(() => box.close());

const schedules = () => box.stripe.subscriptionSchedules;
const month = { interval: "month" as const, interval_count: 1 };
const phase = (price: Stripe.Price, more: object = {}) => ({
  items: [{ price: price.id, quantity: 1 }],
  duration: month,
  ...more,
});
const create = (phases: object[], params: Stripe.SubscriptionScheduleCreateParams = {}) =>
  schedules().create({
    customer: customer.id,
    start_date: "now",
    phases: phases as Stripe.SubscriptionScheduleCreateParams.Phase[],
    ...params,
  });
const subscriptionOf = ({ subscription, released_subscription }: Stripe.SubscriptionSchedule) =>
  box.stripe.subscriptions.retrieve(String(subscription ?? released_subscription), {
    expand: ["latest_invoice"],
  });
const invoices = async (subscription: string) =>
  (await box.stripe.invoices.list({ subscription })).data
    .reverse()
    .map(({ lines }) => lines.data.map(({ amount }) => amount));

describe("a schedule", () => {
  test("starts its subscription, takes it from phase to phase, and lets it go", async () => {
    const told = eventLog(box);
    await told();
    const schedule = await create([phase(basic), phase(plus, { metadata: { tier: "plus" } })]);
    expect(schedule).toMatchObject({
      status: "active",
      end_behavior: "release",
      current_phase: { start_date: at(START), end_date: at("2026-05-01T00:00:00Z") },
      phases: [{ start_date: at(START) }, { end_date: at("2026-06-01T00:00:00Z") }],
    });
    expect(await told()).toEqual([
      "subscription_schedule.created",
      "customer.subscription.created",
      "invoice.created",
      "subscription_schedule.updated",
    ]);
    const started = await subscriptionOf(schedule);
    expect(started).toMatchObject({
      status: "active",
      schedule: schedule.id,
      items: { data: [{ price: { id: basic.id } }] },
    });
    expect((await box.stripe.invoices.createPreview({ subscription: started.id })).total).toBe(6000);
    await clock.to("2026-05-01T02:00:00Z");
    const second = await subscriptionOf(schedule);
    expect(second.items.data).toMatchObject([{ id: started.items.data[0]!.id, price: { id: plus.id } }]);
    expect(second.metadata).toEqual({ tier: "plus" });
    expect(await schedules().retrieve(schedule.id)).toMatchObject({
      current_phase: { start_date: at("2026-05-01T00:00:00Z") },
    });
    await clock.to("2026-06-01T02:00:00Z");
    const released = await schedules().retrieve(schedule.id);
    expect(released).toMatchObject({
      status: "released",
      subscription: null,
      released_subscription: started.id,
      released_at: at("2026-06-01T00:00:00Z"),
      current_phase: null,
    });
    expect(await subscriptionOf(released)).toMatchObject({ status: "active", schedule: null });
    expect(await invoices(started.id)).toEqual([[3000], [6000], [6000]]);
    const types = await told();
    expect(types).toContain("subscription_schedule.expiring");
    expect(types).toContain("subscription_schedule.released");
  });

  test("ends its subscription where that is how it ends", async () => {
    const schedule = await create([phase(basic)], { end_behavior: "cancel" });
    const { id, cancel_at } = await subscriptionOf(schedule);
    expect(cancel_at).toBe(at("2026-05-01T00:00:00Z"));
    const told = eventLog(box);
    await told();
    await clock.to("2026-05-02T00:00:00Z");
    expect((await told("invoice", "charge", "payment_intent")).slice(-2)).toEqual([
      "customer.subscription.deleted",
      "subscription_schedule.completed",
    ]);
    expect(await schedules().retrieve(schedule.id)).toMatchObject({
      status: "completed",
      completed_at: at("2026-05-01T00:00:00Z"),
    });
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ status: "canceled" });
    expect(await invoices(id)).toEqual([[3000]]);
  });

  test("that starts later has no subscription before", async () => {
    const start_date = at("2026-04-11T00:00:00Z");
    const schedule = await create([phase(basic)], { start_date });
    expect(schedule).toMatchObject({ status: "not_started", subscription: null, current_phase: null });
    expect((await schedules().list({ scheduled: true })).data.map(({ id }) => id)).toEqual([schedule.id]);
    await clock.to("2026-04-11T02:00:00Z");
    const begun = await schedules().retrieve(schedule.id);
    expect(begun.status).toBe("active");
    expect(await subscriptionOf(begun)).toMatchObject({
      created: start_date,
      latest_invoice: { amount_paid: 3000 },
    });
    expect((await schedules().list({ scheduled: true })).data).toEqual([]);
  });

  test("prorates in the middle of a period, or begins a new one, as its phase says", async () => {
    const end_date = at("2026-04-16T00:00:00Z");
    const prorated = await create([phase(basic, { duration: undefined, end_date }), phase(plus)]);
    const anew = await create([
      phase(basic, { duration: undefined, end_date }),
      phase(plus, { billing_cycle_anchor: "phase_start", proration_behavior: "none" }),
    ]);
    await clock.to("2026-04-16T02:00:00Z");
    const [first, second] = [await subscriptionOf(prorated), await subscriptionOf(anew)];
    expect(await invoices(first.id)).toEqual([[3000]]);
    expect(await invoices(second.id)).toEqual([[3000], [6000]]);
    expect(iso(second.items.data[0]!.current_period_end)).toBe("2026-05-16T00:00:00");
    await clock.to("2026-05-01T02:00:00Z");
    expect(await invoices(first.id)).toEqual([[3000], [-1500, 3000, 6000]]);
  });

  test("switches the interval, and bills the new period once", async () => {
    const yearly = await priceOf(box, 50_000, { recurring: { interval: "year" } });
    const schedule = await create([phase(basic), phase(yearly, { duration: { interval: "year" } })]);
    await clock.to("2026-05-01T02:00:00Z");
    const { id, items } = await subscriptionOf(schedule);
    expect(await invoices(id)).toEqual([[3000], [50_000]]);
    expect(iso(items.data[0]!.current_period_end)).toBe("2027-05-01T00:00:00");
  });

  test("can be a trial at first, and take discounts and extras", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    const setup = await priceOf(box, 900, { recurring: undefined });
    const schedule = await create([
      phase(basic, { trial: true }),
      phase(basic, { discounts: [{ coupon: coupon.id }], add_invoice_items: [{ price: setup.id }] }),
    ]);
    expect(await subscriptionOf(schedule)).toMatchObject({
      status: "trialing",
      trial_end: at("2026-05-01T00:00:00Z"),
    });
    await clock.to("2026-05-01T02:00:00Z");
    const after = await subscriptionOf(schedule);
    expect(after).toMatchObject({ status: "active", latest_invoice: { subtotal: 3900, total: 1950 } });
    expect(await invoices(after.id)).toEqual([[0], [900, 3000]]);
  });

  test("goes on in arrears when a phase is not paid", async () => {
    const schedule = await create([phase(basic), phase(plus, { billing_cycle_anchor: "phase_start" })]);
    await clock.to("2026-04-01T02:00:00Z");
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-01T02:00:00Z");
    expect(await subscriptionOf(schedule)).toMatchObject({
      status: "past_due",
      items: { data: [{ price: { id: plus.id } }] },
    });
  });
});

describe("a subscription that is handed to a schedule", () => {
  let subscription: Stripe.Subscription;
  beforeEach(async () => {
    subscription = await box.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: basic.id, quantity: 2 }],
    });
  });
  const from = () => schedules().create({ from_subscription: subscription.id });

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
    const updated = await schedules().update(schedule.id, {
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
    expect(await invoices(subscription.id)).toEqual([[6000], [6000]]);
    const after = await box.stripe.subscriptions.retrieve(subscription.id);
    expect(after.items.data).toMatchObject([{ price: { id: plus.id }, quantity: 1 }]);
  });

  test("changes at once with its current phase, with prorations", async () => {
    const schedule = await from();
    await clock.to("2026-04-16T00:00:00Z");
    await schedules().update(schedule.id, {
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
    expect(await invoices(subscription.id)).toEqual([[6000], [-3000, 3000]]);
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      cancel_at: at("2026-05-01T00:00:00Z"),
    });
  });

  test("goes on alone when it is released", async () => {
    const schedule = await from();
    expect(await schedules().release(schedule.id)).toMatchObject({
      status: "released",
      released_subscription: subscription.id,
    });
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      schedule: null,
      status: "active",
    });
    await expect(schedules().release(schedule.id)).rejects.toMatchObject({ statusCode: 400 });
    await expect(schedules().update(schedule.id, { metadata: { a: "b" } })).rejects.toMatchObject({
      statusCode: 400,
    });
    expect((await from()).status).toBe("active");
  });

  test("ends when the schedule is canceled, with the rest given back", async () => {
    const schedule = await from();
    await clock.to("2026-04-16T00:00:00Z");
    expect(await schedules().cancel(schedule.id)).toMatchObject({
      status: "canceled",
      canceled_at: at("2026-04-16T00:00:00Z"),
    });
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "canceled" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -3000 });
    await expect(schedules().cancel(schedule.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("takes the schedule with it when it is canceled itself", async () => {
    const schedule = await from();
    await box.stripe.subscriptions.cancel(subscription.id);
    expect(await schedules().retrieve(schedule.id)).toMatchObject({ status: "canceled" });
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

describe("what Stripe refuses", () => {
  test.each<[string, () => Stripe.SubscriptionScheduleCreateParams, object]>([
    ["nobody to schedule for", () => ({ customer: undefined }), { param: "customer" }],
    ["no phase", () => ({ phases: [] }), { param: "phases" }],
    [
      "a phase that ends before it starts",
      () => ({ phases: [{ items: [{ price: basic.id }], end_date: at("2026-03-01T00:00:00Z") }] }),
      { param: "phases[0][end_date]" },
    ],
    [
      "a price nobody knows",
      () => ({ phases: [{ items: [{ price: "price_x" }], duration: month }] }),
      { param: "phases[0][items][0][price]" },
    ],
    [
      "two lengths",
      () => ({
        phases: [{ items: [{ price: basic.id }], duration: month, end_date: at("2027-01-01T00:00:00Z") }],
      }),
      { code: "parameters_exclusive" },
    ],
    ["a subscription and more", () => ({ from_subscription: "sub_x" }), { statusCode: 400 }],
  ])("%s", async (_what, params, refusal) => {
    await expect(create([phase(basic)], params())).rejects.toMatchObject(refusal);
    expect((await schedules().list({ customer: customer.id })).data).toEqual([]);
    expect((await box.stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
  });
});

describe("the coupons of a schedule", () => {
  const couponOf = (params: Partial<Stripe.CouponCreateParams> = {}) =>
    box.stripe.coupons.create({ percent_off: 50, duration: "forever", ...params });
  const discountsOf = async (schedule: Stripe.SubscriptionSchedule) =>
    (await subscriptionOf(schedule)).discounts;

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
    const schedule = await create([phase(basic), phase(plus, { discounts: [{ coupon: coupon.id }] })]);
    await end(coupon.id);
    await clock.to("2026-05-01T02:00:00Z");
    const second = await subscriptionOf(schedule);
    expect(second).toMatchObject({
      discounts: [],
      items: { data: [{ price: { id: plus.id } }] },
      latest_invoice: { total: 6000 },
    });
  });

  test("are redeemed once, however often the schedule is changed", async () => {
    const coupon = await couponOf({ max_redemptions: 1 });
    const phases = [phase(basic, { discounts: [{ coupon: coupon.id }] }), phase(plus)];
    const schedule = await create(phases);
    const before = await discountsOf(schedule);
    await schedules().update(schedule.id, { phases: [{ ...phases[0]!, start_date: at(START) }, phases[1]!] });
    expect(await discountsOf(schedule)).toEqual(before);
    expect(await box.stripe.coupons.retrieve(coupon.id)).toMatchObject({ times_redeemed: 1 });
  });
});

test("a schedule whose phases would all be over is refused", async () => {
  const schedule = await create([phase(basic), phase(plus)]);
  await clock.to("2026-04-20T00:00:00Z");
  await expect(
    schedules().update(schedule.id, {
      phases: [{ items: [{ price: basic.id }], start_date: at(START), end_date: at("2026-04-10T00:00:00Z") }],
    }),
  ).rejects.toMatchObject({ statusCode: 400, param: "phases" });
});
