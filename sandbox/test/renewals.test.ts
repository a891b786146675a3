import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, payer, priceOf, TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

const START = "2026-01-31T12:00:00Z";
let box: TestSandbox;
let clock: TestClock;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
});
afterEach(() => box.close());

async function subscribe(params: Partial<Stripe.SubscriptionCreateParams> = {}, card = "pm_card_visa") {
  const price = await priceOf(box, 1000);
  const customer = await payer(box, card, { test_clock: clock.id });
  return box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    ...params,
  });
}

const invoicesOf = async ({ id }: Stripe.Subscription) =>
  (await box.stripe.invoices.list({ subscription: id, limit: 100 })).data.reverse();

const periods = async (id: string) =>
  (await box.stripe.subscriptions.retrieve(id)).items.data.map((item) => [
    iso(item.current_period_start),
    iso(item.current_period_end),
  ]);

describe("a renewal", () => {
  test("moves the period, drafts the invoice, and collects it an hour later, month after month", async () => {
    const subscription = await subscribe();
    await clock.to("2026-04-30T14:00:00Z");
    expect(await periods(subscription.id)).toEqual([["2026-04-30T12:00:00", "2026-05-31T12:00:00"]]);
    const invoices = await invoicesOf(subscription);
    expect(
      invoices.map(({ status, amount_paid, billing_reason }) => [status, amount_paid, billing_reason]),
    ).toEqual([
      ["paid", 1000, "subscription_create"],
      ["paid", 1000, "subscription_cycle"],
      ["paid", 1000, "subscription_cycle"],
      ["paid", 1000, "subscription_cycle"],
    ]);
    expect(invoices.map(({ lines }) => iso(lines.data[0]!.period.start))).toEqual([
      "2026-01-31T12:00:00",
      "2026-02-28T12:00:00",
      "2026-03-31T12:00:00",
      "2026-04-30T12:00:00",
    ]);
    const last = invoices.at(-1)!;
    expect([iso(last.period_start), iso(last.period_end)]).toEqual([
      "2026-03-31T12:00:00",
      "2026-04-30T12:00:00",
    ]);
    expect(last.status_transitions.paid_at! - last.created).toBe(3600);
  });

  test("tells its events in Stripe's order, each at its moment", async () => {
    const subscription = await subscribe();
    const told = eventLog(box);
    await told();
    await clock.to("2026-02-28T12:30:00Z");
    expect(await told()).toEqual(["invoice.upcoming", "customer.subscription.updated", "invoice.created"]);
    const draft = (await invoicesOf(subscription)).at(-1)!;
    expect(draft).toMatchObject({ status: "draft", automatically_finalizes_at: at("2026-02-28T13:00:00Z") });
    expect((await box.stripe.subscriptions.retrieve(subscription.id)).latest_invoice).toBe(draft.id);
    await clock.to("2026-02-28T13:00:00Z");
    expect(await told()).toEqual([
      "invoice.finalized",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
    ]);
    const events = await box.events();
    const moment = (type: string) => iso(events.filter((event) => event.type === type).at(-1)!.created);
    expect([moment("invoice.upcoming"), moment("invoice.created"), moment("invoice.paid")]).toEqual([
      "2026-02-21T12:00:00",
      "2026-02-28T12:00:00",
      "2026-02-28T13:00:00",
    ]);
    const upcoming = events.find(({ type }) => type === "invoice.upcoming")!.data.object as Stripe.Invoice;
    expect([upcoming.total, iso(upcoming.lines.data[0]!.period.start)]).toEqual([
      1000,
      "2026-02-28T12:00:00",
    ]);
  });

  test("comes for each item in its own interval", async () => {
    const weekly = await priceOf(box, 70, { recurring: { interval: "week" } });
    const monthly = await priceOf(box, 1000);
    const subscription = await subscribe({ items: [{ price: weekly.id }, { price: monthly.id }] });
    await clock.to("2026-03-01T00:00:00Z", 13);
    const amounts = (await invoicesOf(subscription)).map(({ lines }) =>
      lines.data.map(({ amount }) => amount).sort(),
    );
    // The month ends with the fourth week.
    expect(amounts).toEqual([[1000, 70].sort(), [70], [70], [70], [1000, 70].sort()]);
  });

  test("of a yearly price on a leap day comes on the last of February", async () => {
    clock = await TestClock.start(box, "2028-02-29T00:00:00Z");
    const yearly = await priceOf(box, 9900, { recurring: { interval: "year" } });
    const subscription = await subscribe({ items: [{ price: yearly.id }] });
    expect((await periods(subscription.id))[0]![1]).toBe("2029-02-28T00:00:00");
    await clock.to("2029-03-01T00:00:00Z");
    expect((await periods(subscription.id))[0]).toEqual(["2029-02-28T00:00:00", "2030-02-28T00:00:00"]);
    expect((await invoicesOf(subscription)).map(({ amount_paid }) => amount_paid)).toEqual([9900, 9900]);
  });

  test("sends the invoice where that is how it is collected", async () => {
    const subscription = await subscribe({ collection_method: "send_invoice", days_until_due: 7 });
    await clock.to("2026-02-28T14:00:00Z");
    const renewal = (await invoicesOf(subscription)).at(-1)!;
    expect(renewal).toMatchObject({ status: "open", amount_paid: 0 });
    expect((await box.eventTypes()).filter((type) => type === "invoice.sent")).toHaveLength(2);
    const status = async () => (await box.stripe.subscriptions.retrieve(subscription.id)).status;
    await box.stripe.invoices.pay((await invoicesOf(subscription))[0]!.id!, { paid_out_of_band: true });
    expect(await status()).toBe("active");
    await clock.to(renewal.due_date!);
    expect(await status()).toBe("past_due");
    expect((await box.eventTypes()).at(-2)).toBe("invoice.overdue");
    await box.stripe.invoices.pay(renewal.id!, { paid_out_of_band: true });
    expect(await status()).toBe("active");
  });

  test("happens in the sandbox's own time too", async () => {
    const price = await priceOf(box, 1000);
    const customer = await payer(box);
    const subscription = await box.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    await box.advance({ days: 93 });
    const invoices = await invoicesOf(subscription);
    expect(invoices.map(({ status }) => status)).toEqual(["paid", "paid", "paid", "paid"]);
  });
});

describe("a subscription that is to end", () => {
  test("ends with its period and is not billed again", async () => {
    const subscription = await subscribe();
    await box.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    const told = eventLog(box);
    await told();
    await clock.to("2026-03-05T00:00:00Z");
    expect(await told()).toEqual(["customer.subscription.deleted"]);
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: "canceled",
      ended_at: at("2026-02-28T12:00:00Z"),
      canceled_at: at(START),
    });
    expect(await invoicesOf(subscription)).toHaveLength(1);
  });

  test("at a date is billed for a part of its last period", async () => {
    const subscription = await subscribe({ cancel_at: at("2026-03-14T12:00:00Z") });
    await clock.to("2026-04-01T00:00:00Z");
    const invoices = await invoicesOf(subscription);
    // 14 of the 31 days from 28 February to 31 March.
    expect(invoices.map(({ amount_paid }) => amount_paid)).toEqual([1000, 452]);
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: "canceled",
      ended_at: at("2026-03-14T12:00:00Z"),
    });
  });
});

describe("a trial", () => {
  const trial = { trial_period_days: 10 };

  test("is told of three days before its end, then turns active before money is asked for", async () => {
    const subscription = await subscribe(trial);
    const told = eventLog(box);
    await told();
    await clock.to("2026-02-07T12:00:00Z");
    expect(await told("invoice.upcoming")).toEqual(["customer.subscription.trial_will_end"]);
    await clock.to("2026-02-10T12:00:00Z");
    expect(await told()).toEqual(["customer.subscription.updated", "invoice.created"]);
    const [update] = (await box.events())
      .filter(({ type }) => type === "customer.subscription.updated")
      .slice(-1);
    expect(update!.data.previous_attributes).toMatchObject({ status: "trialing" });
    await clock.to("2026-02-10T13:00:00Z");
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "active" });
    expect((await invoicesOf(subscription)).map(({ amount_paid }) => amount_paid)).toEqual([0, 1000]);
    expect(await periods(subscription.id)).toEqual([["2026-02-10T12:00:00", "2026-03-10T12:00:00"]]);
  });

  test("that is shorter is told of at once", async () => {
    await subscribe({ trial_period_days: 2 });
    expect(await box.eventTypes()).toContain("customer.subscription.trial_will_end");
  });

  test.each([
    ["create_invoice", "past_due", 2],
    ["pause", "paused", 1],
    ["cancel", "canceled", 1],
  ] as const)(
    "without a method to charge ends by %s: %s",
    async (missing_payment_method, status, invoices) => {
      const price = await priceOf(box, 1000);
      const customer = await box.stripe.customers.create({ test_clock: clock.id });
      const subscription = await box.stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: price.id }],
        ...trial,
        trial_settings: { end_behavior: { missing_payment_method } },
      });
      await clock.to("2026-02-10T14:00:00Z");
      expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status });
      expect(await invoicesOf(subscription)).toHaveLength(invoices);
      const told = await box.eventTypes();
      expect(told.includes("customer.subscription.paused")).toBe(status === "paused");
      await clock.to("2026-03-20T00:00:00Z");
      if (status !== "past_due") expect(await invoicesOf(subscription)).toHaveLength(invoices);
    },
  );

  test("with a card ends active, whatever is done without one", async () => {
    const subscription = await subscribe({
      ...trial,
      trial_settings: { end_behavior: { missing_payment_method: "cancel" } },
    });
    await clock.to(at(START) + 10 * DAY_SECONDS + 3600);
    expect((await box.stripe.subscriptions.retrieve(subscription.id)).status).toBe("active");
  });
});

test("usage is billed when its period is over", async () => {
  const meter = await box.stripe.billing.meters.create({
    display_name: "Calls",
    event_name: "calls",
    default_aggregation: { formula: "sum" },
  });
  const metered = await priceOf(box, 5, {
    recurring: { interval: "month", usage_type: "metered", meter: meter.id },
  });
  const subscription = await subscribe({ items: [{ price: metered.id }] });
  expect(subscription.items.data[0]).not.toHaveProperty("quantity");
  await clock.to("2026-02-10T12:00:00Z");
  await box.stripe.billing.meterEvents.create({
    event_name: "calls",
    payload: { stripe_customer_id: String(subscription.customer), value: "30" },
    timestamp: at("2026-02-10T12:00:00Z"),
  });
  await clock.to("2026-02-28T14:00:00Z");
  const [first, second] = await invoicesOf(subscription);
  expect([first!.amount_paid, second!.amount_paid]).toEqual([0, 150]);
  expect(second!.lines.data[0]).toMatchObject({ quantity: 30, period: { start: at(START) } });
});
