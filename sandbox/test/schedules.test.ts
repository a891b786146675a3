import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { month, phase, Scheduler } from "./support/scheduler.ts";
import { at, eventLog, iso, priceOf, type TestClock, useCard } from "./support/subscribing.ts";

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

describe("a schedule", () => {
  test("starts its subscription, takes it from phase to phase, and lets it go", async () => {
    const told = eventLog(box);
    await told();
    const schedule = await scheduler.create([phase(basic), phase(plus, { metadata: { tier: "plus" } })]);
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
    const started = await scheduler.subscriptionOf(schedule);
    expect(started).toMatchObject({
      status: "active",
      schedule: schedule.id,
      items: { data: [{ price: { id: basic.id } }] },
    });
    expect((await box.stripe.invoices.createPreview({ subscription: started.id })).total).toBe(6000);
    await clock.to("2026-05-01T02:00:00Z");
    const second = await scheduler.subscriptionOf(schedule);
    expect(second.items.data).toMatchObject([{ id: started.items.data[0]!.id, price: { id: plus.id } }]);
    expect(second.metadata).toEqual({ tier: "plus" });
    expect(await box.stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      current_phase: { start_date: at("2026-05-01T00:00:00Z") },
    });
    await clock.to("2026-06-01T02:00:00Z");
    const released = await box.stripe.subscriptionSchedules.retrieve(schedule.id);
    expect(released).toMatchObject({
      status: "released",
      subscription: null,
      released_subscription: started.id,
      released_at: at("2026-06-01T00:00:00Z"),
      current_phase: null,
    });
    expect(await scheduler.subscriptionOf(released)).toMatchObject({ status: "active", schedule: null });
    expect(await scheduler.invoices(started.id)).toEqual([[3000], [6000], [6000]]);
    const types = await told();
    expect(types).toContain("subscription_schedule.expiring");
    expect(types).toContain("subscription_schedule.released");
  });

  test("ends its subscription where that is how it ends", async () => {
    const schedule = await scheduler.create([phase(basic)], { end_behavior: "cancel" });
    const { id, cancel_at } = await scheduler.subscriptionOf(schedule);
    expect(cancel_at).toBe(at("2026-05-01T00:00:00Z"));
    const told = eventLog(box);
    await told();
    await clock.to("2026-05-02T00:00:00Z");
    expect((await told("invoice", "charge", "payment_intent")).slice(-2)).toEqual([
      "customer.subscription.deleted",
      "subscription_schedule.completed",
    ]);
    expect(await box.stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      status: "completed",
      completed_at: at("2026-05-01T00:00:00Z"),
    });
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ status: "canceled" });
    expect(await scheduler.invoices(id)).toEqual([[3000]]);
  });

  test("that starts later has no subscription before", async () => {
    const start_date = at("2026-04-11T00:00:00Z");
    const schedule = await scheduler.create([phase(basic)], { start_date });
    expect(schedule).toMatchObject({ status: "not_started", subscription: null, current_phase: null });
    expect(
      (await box.stripe.subscriptionSchedules.list({ scheduled: true })).data.map(({ id }) => id),
    ).toEqual([schedule.id]);
    await clock.to("2026-04-11T02:00:00Z");
    const begun = await box.stripe.subscriptionSchedules.retrieve(schedule.id);
    expect(begun.status).toBe("active");
    expect(await scheduler.subscriptionOf(begun)).toMatchObject({
      created: start_date,
      latest_invoice: { amount_paid: 3000 },
    });
    expect((await box.stripe.subscriptionSchedules.list({ scheduled: true })).data).toEqual([]);
  });

  test("prorates in the middle of a period, or begins a new one, as its phase says", async () => {
    const end_date = at("2026-04-16T00:00:00Z");
    const prorated = await scheduler.create([phase(basic, { duration: undefined, end_date }), phase(plus)]);
    const anew = await scheduler.create([
      phase(basic, { duration: undefined, end_date }),
      phase(plus, { billing_cycle_anchor: "phase_start", proration_behavior: "none" }),
    ]);
    await clock.to("2026-04-16T02:00:00Z");
    const [first, second] = [await scheduler.subscriptionOf(prorated), await scheduler.subscriptionOf(anew)];
    expect(await scheduler.invoices(first.id)).toEqual([[3000]]);
    expect(await scheduler.invoices(second.id)).toEqual([[3000], [6000]]);
    expect(iso(second.items.data[0]!.current_period_end)).toBe("2026-05-16T00:00:00");
    await clock.to("2026-05-01T02:00:00Z");
    expect(await scheduler.invoices(first.id)).toEqual([[3000], [-1500, 3000, 6000]]);
  });

  test("switches the interval, and bills the new period once", async () => {
    const yearly = await priceOf(box, 50_000, { recurring: { interval: "year" } });
    const schedule = await scheduler.create([
      phase(basic),
      phase(yearly, { duration: { interval: "year" } }),
    ]);
    await clock.to("2026-05-01T02:00:00Z");
    const { id, items } = await scheduler.subscriptionOf(schedule);
    expect(await scheduler.invoices(id)).toEqual([[3000], [50_000]]);
    expect(iso(items.data[0]!.current_period_end)).toBe("2027-05-01T00:00:00");
  });

  test("can be a trial at first, and take discounts and extras", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    const setup = await priceOf(box, 900, { recurring: undefined });
    const schedule = await scheduler.create([
      phase(basic, { trial: true }),
      phase(basic, { discounts: [{ coupon: coupon.id }], add_invoice_items: [{ price: setup.id }] }),
    ]);
    expect(await scheduler.subscriptionOf(schedule)).toMatchObject({
      status: "trialing",
      trial_end: at("2026-05-01T00:00:00Z"),
    });
    await clock.to("2026-05-01T02:00:00Z");
    const after = await scheduler.subscriptionOf(schedule);
    expect(after).toMatchObject({ status: "active", latest_invoice: { subtotal: 3900, total: 1950 } });
    expect(await scheduler.invoices(after.id)).toEqual([[0], [900, 3000]]);
  });

  test("goes on in arrears when a phase is not paid", async () => {
    const schedule = await scheduler.create([
      phase(basic),
      phase(plus, { billing_cycle_anchor: "phase_start" }),
    ]);
    await clock.to("2026-04-01T02:00:00Z");
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-01T02:00:00Z");
    expect(await scheduler.subscriptionOf(schedule)).toMatchObject({
      status: "past_due",
      items: { data: [{ price: { id: plus.id } }] },
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
    await expect(scheduler.create([phase(basic)], params())).rejects.toMatchObject(refusal);
    expect((await box.stripe.subscriptionSchedules.list({ customer: customer.id })).data).toEqual([]);
    expect((await box.stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
  });
});

test("a schedule whose phases would all be over is refused", async () => {
  const schedule = await scheduler.create([phase(basic), phase(plus)]);
  await clock.to("2026-04-20T00:00:00Z");
  await expect(
    box.stripe.subscriptionSchedules.update(schedule.id, {
      phases: [{ items: [{ price: basic.id }], start_date: at(START), end_date: at("2026-04-10T00:00:00Z") }],
    }),
  ).rejects.toMatchObject({ statusCode: 400, param: "phases" });
});
