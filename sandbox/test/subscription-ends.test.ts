import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

/** April has 30 days: a dollar of a monthly price of 30 dollars a day. */
const START = "2026-04-01T00:00:00Z";
const HALF = "2026-04-16T00:00:00Z";
let box: TestSandbox;
let clock: TestClock;
let customer: Stripe.Customer;
let price: Stripe.Price;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
  customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
  price = await priceOf(box, 3000);
  subscription = await start();
});
afterEach(() => box.close());

const start = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }], ...params });

const current = () => box.stripe.subscriptions.retrieve(subscription.id, { expand: ["latest_invoice"] });
const invoice = (of: Stripe.Subscription) => of.latest_invoice as Stripe.Invoice;
const amounts = (of: Stripe.Invoice) => of.lines.data.map(({ amount }) => amount);
const pending = async () => {
  const { data } = await box.stripe.invoiceItems.list({ customer: customer.id, pending: true });
  return data.map(({ amount }) => amount).reverse();
};

describe("a subscription that is canceled", () => {
  beforeEach(() => clock.to(HALF));
  const cancel = (params: Stripe.SubscriptionCancelParams = {}) =>
    box.stripe.subscriptions.cancel(subscription.id, { expand: ["latest_invoice"], ...params });

  test("gives nothing back unless that is asked for, and forgets what waited for the next invoice", async () => {
    await box.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]!.id, quantity: 2 }],
    });
    expect(await pending()).toEqual([-1500, 3000]);
    const canceled = await cancel({ cancellation_details: { comment: "moving", feedback: "unused" } });
    expect(canceled).toMatchObject({
      status: "canceled",
      canceled_at: at(HALF),
      ended_at: at(HALF),
      cancellation_details: { comment: "moving", feedback: "unused", reason: "cancellation_requested" },
    });
    expect(await pending()).toEqual([]);
    expect(await box.eventTypes()).toContain("invoiceitem.deleted");
    await clock.to("2026-05-02T00:00:00Z");
    expect((await box.stripe.invoices.list({ subscription: subscription.id })).data).toHaveLength(1);
  });

  test("leaves the rest of the period as credit by prorate", async () => {
    await cancel({ prorate: true });
    expect(await pending()).toEqual([-1500]);
  });

  test("makes the rest of the period a credit balance by prorate and invoice_now", async () => {
    const canceled = await cancel({ prorate: true, invoice_now: true });
    expect(amounts(invoice(canceled))).toEqual([-1500]);
    expect(invoice(canceled)).toMatchObject({ status: "paid", amount_due: 0, total: -1500 });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -1500 });
  });

  test("bills what waited by invoice_now", async () => {
    await box.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]!.id, quantity: 2 }],
    });
    expect(invoice(await cancel({ invoice_now: true }))).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("is collected no longer", async () => {
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-01T01:00:00Z");
    const open = invoice(await current());
    expect(open.next_payment_attempt).not.toBeNull();
    await cancel();
    expect(await box.stripe.invoices.retrieve(open.id!)).toMatchObject({
      status: "open",
      auto_advance: false,
      next_payment_attempt: null,
    });
  });

  test("changes no more, but for its metadata and why it ended", async () => {
    await cancel();
    const update = (params: Stripe.SubscriptionUpdateParams) =>
      box.stripe.subscriptions.update(subscription.id, params);
    await expect(update({ description: "again" })).rejects.toMatchObject({
      code: "invalid_canceled_subscription_fields",
    });
    expect(await update({ metadata: { a: "b" }, cancellation_details: { feedback: "other" } })).toMatchObject(
      { metadata: { a: "b" }, cancellation_details: { feedback: "other" } },
    );
    await expect(cancel()).rejects.toMatchObject({ code: "resource_missing", statusCode: 404 });
    await expect(box.stripe.subscriptions.pause(subscription.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("at its period's end is billed what waited", async () => {
    await box.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]!.id, quantity: 2 }],
      cancel_at_period_end: true,
    });
    await clock.to("2026-05-01T02:00:00Z");
    const ended = await current();
    expect(ended.status).toBe("canceled");
    expect(invoice(ended)).toMatchObject({ amount_paid: 1500, status: "paid" });
  });
});

describe("a subscription that is paused", () => {
  const pause = (params: Stripe.SubscriptionPauseParams = {}) =>
    box.stripe.subscriptions.pause(subscription.id, params);
  const resume = (params: Stripe.SubscriptionResumeParams = {}) =>
    box.stripe.subscriptions.resume(subscription.id, { expand: ["latest_invoice"], ...params });

  test("neither renews nor bills until it is resumed, and then begins anew", async () => {
    await clock.to(HALF);
    const told = eventLog(box);
    await told();
    const paused = await pause();
    expect(paused).toMatchObject({
      status: "paused",
      status_details: { paused: { subscription: { type: "pause_requested" }, transitioned_at: at(HALF) } },
    });
    expect(await told()).toEqual([
      "customer.subscription.updated",
      "customer.subscription.paused",
      "invoiceitem.created",
    ]);
    expect(await pending()).toEqual([-1500]);
    await clock.to("2026-06-10T00:00:00Z");
    expect((await box.stripe.invoices.list({ subscription: subscription.id })).data).toHaveLength(1);
    await told();
    const resumed = await resume();
    expect(resumed).toMatchObject({ status: "active", billing_cycle_anchor: at("2026-06-10T00:00:00Z") });
    expect(resumed).not.toHaveProperty("status_details");
    expect(amounts(invoice(resumed))).toEqual([-1500, 3000]);
    expect(invoice(resumed)).toMatchObject({ status: "paid", amount_paid: 1500 });
    expect((await told()).slice(0, 3)).toEqual([
      "customer.subscription.updated",
      "customer.subscription.resumed",
      "invoice.created",
    ]);
    expect(iso(resumed.items.data[0]!.current_period_end)).toBe("2026-07-10T00:00:00");
  });

  test("goes on in its old periods, billed for what is left", async () => {
    await clock.to(HALF);
    await pause({ invoicing_behavior: "invoice" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -1500 });
    await clock.to("2026-05-22T00:00:00Z");
    const resumed = await resume({
      billing_cycle_anchor: { type: "unchanged" },
      proration_behavior: "always_invoice",
    });
    // Ten of the thirty-one days of May.
    expect(amounts(invoice(resumed))).toEqual([968]);
    expect(resumed).toMatchObject({ status: "active", billing_cycle_anchor: at(START) });
    expect(iso(resumed.items.data[0]!.current_period_end)).toBe("2026-06-01T00:00:00");
  });

  test("gives nothing back where that is asked for", async () => {
    await clock.to(HALF);
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    expect(await pending()).toEqual([]);
    expect(
      await resume({ billing_cycle_anchor: { type: "unchanged" }, proration_behavior: "none" }),
    ).toMatchObject({ status: "active", latest_invoice: { billing_reason: "subscription_create" } });
  });

  test("goes on in arrears when the payment that is tried fails", async () => {
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-10T00:00:00Z");
    await resume();
    expect((await current()).status).toBe("past_due");
  });

  test("stays paused until it is paid where that is asked for", async () => {
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-10T00:00:00Z");
    const waiting = await resume({ payment_behavior: "resume_on_payment_success" });
    expect([waiting.status, invoice(waiting).status]).toEqual(["paused", "open"]);
    const { id } = await box.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
    await box.stripe.invoices.pay(invoice(waiting).id!, { payment_method: id });
    expect(await current()).toMatchObject({
      status: "active",
      billing_cycle_anchor: at("2026-05-10T00:00:00Z"),
    });
    expect((await box.eventTypes()).at(-1)).toBe("customer.subscription.resumed");
  });

  test("stays paused when it is not paid within 23 hours", async () => {
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-10T00:00:00Z");
    const waiting = await resume({ payment_behavior: "resume_on_payment_success" });
    await clock.to(at("2026-05-10T00:00:00Z") + 23 * 3600);
    expect((await current()).status).toBe("paused");
    expect((await box.stripe.invoices.retrieve(invoice(waiting).id!)).status).toBe("void");
  });

  test("since its trial ended without a method goes on once there is one", async () => {
    const nobody = await box.stripe.customers.create({ test_clock: clock.id });
    subscription = await box.stripe.subscriptions.create({
      customer: nobody.id,
      items: [{ price: price.id }],
      trial_period_days: 5,
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
    });
    await clock.to(at(START) + 6 * DAY_SECONDS);
    expect(await current()).toMatchObject({
      status: "paused",
      status_details: { paused: { subscription: { type: "trial_end_without_payment_method" } } },
    });
    await expect(resume()).rejects.toMatchObject({ code: "resource_missing" });
    await useCard(box, nobody.id, "pm_card_visa");
    expect(await resume()).toMatchObject({ status: "active", latest_invoice: { amount_paid: 3000 } });
  });

  test("is refused where Stripe refuses it", async () => {
    await expect(resume()).rejects.toMatchObject({ statusCode: 400 });
    await pause();
    await expect(pause()).rejects.toMatchObject({ statusCode: 400 });
    const incomplete = await start({ payment_behavior: "default_incomplete" });
    await expect(box.stripe.subscriptions.pause(incomplete.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("is not listed among the active", async () => {
    await pause();
    const list = (status: "paused" | "active") =>
      box.stripe.subscriptions.list({ customer: customer.id, status });
    expect((await list("paused")).data.map(({ id }) => id)).toEqual([subscription.id]);
    expect((await list("active")).data).toEqual([]);
  });
});

describe("subscription items", () => {
  const items = () => box.stripe.subscriptionItems;

  test("are added, changed, read, listed and taken away, with prorations", async () => {
    await clock.to(HALF);
    const seat = await priceOf(box, 600);
    const added = await items().create({ subscription: subscription.id, price: seat.id, quantity: 2 });
    expect(added).toMatchObject({ quantity: 2, price: { id: seat.id } });
    expect(await items().retrieve(added.id)).toEqual(added);
    expect(await items().update(added.id, { quantity: 3, metadata: { a: "b" } })).toMatchObject({
      id: added.id,
      quantity: 3,
      metadata: { a: "b" },
    });
    const { data } = await items().list({ subscription: subscription.id });
    expect(data.map(({ id }) => id)).toEqual([subscription.items.data[0]!.id, added.id]);
    expect(await items().del(added.id)).toMatchObject({ id: added.id, deleted: true });
    expect(await pending()).toEqual([600, -600, 900, -900]);
    await expect(items().retrieve(added.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  test("name what is wrong with them", async () => {
    const create = (params: Partial<Stripe.SubscriptionItemCreateParams>) =>
      items().create({ subscription: subscription.id, ...params });
    await expect(create({ price: "price_x" })).rejects.toMatchObject({ param: "price" });
    await expect(create({})).rejects.toMatchObject({ param: "price", code: "parameter_missing" });
    await expect(items().create({ subscription: "sub_x", price: price.id })).rejects.toMatchObject({
      param: "subscription",
    });
    await expect(items().update("si_x", { quantity: 2 })).rejects.toMatchObject({ statusCode: 404 });
    await expect(items().del(subscription.items.data[0]!.id)).rejects.toMatchObject({ statusCode: 400 });
    expect((await current()).items).toEqual(subscription.items);
  });
});

test("billing mode moves from classic to flexible only", async () => {
  const classic = await start({ billing_mode: { type: "classic" } });
  expect(
    await box.stripe.subscriptions.migrate(classic.id, { billing_mode: { type: "flexible" } }),
  ).toMatchObject({ billing_mode: { type: "flexible", updated_at: at(START) } });
  await expect(
    box.stripe.subscriptions.migrate(classic.id, { billing_mode: { type: "flexible" } }),
  ).rejects.toMatchObject({ statusCode: 400 });
});

test("a trial without a method asks for one, and is charged to it", async () => {
  const nobody = await box.stripe.customers.create({ test_clock: clock.id });
  const trial = await box.stripe.subscriptions.create({
    customer: nobody.id,
    items: [{ price: price.id }],
    trial_period_days: 5,
    expand: ["pending_setup_intent"],
  });
  const setup = trial.pending_setup_intent as Stripe.SetupIntent;
  expect(setup).toMatchObject({ status: "requires_payment_method", customer: nobody.id });
  await box.stripe.setupIntents.confirm(setup.id, { payment_method: "pm_card_visa" });
  subscription = await box.stripe.subscriptions.retrieve(trial.id);
  expect(subscription).toMatchObject({ pending_setup_intent: null });
  expect(subscription.default_payment_method).not.toBeNull();
  await clock.to(at(START) + 5 * DAY_SECONDS + 3600);
  expect(await current()).toMatchObject({ status: "active", latest_invoice: { amount_paid: 3000 } });
});

describe("usage", () => {
  const use = async (value: string, timestamp: number) =>
    box.stripe.billing.meterEvents.create({
      event_name: "calls",
      payload: { stripe_customer_id: customer.id, value },
      timestamp,
    });
  beforeEach(async () => {
    const meter = await box.stripe.billing.meters.create({
      display_name: "Calls",
      event_name: "calls",
      default_aggregation: { formula: "sum" },
    });
    const metered = await priceOf(box, 5, {
      recurring: { interval: "month", usage_type: "metered", meter: meter.id },
    });
    subscription = await start({ items: [{ price: metered.id }] });
    await clock.to(HALF);
    await use("100", at(HALF));
    await clock.to(at(HALF) + DAY_SECONDS);
  });

  test("is billed when the subscription is canceled with a last invoice", async () => {
    await box.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
    expect(invoice(await current())).toMatchObject({ status: "paid", amount_paid: 500 });
  });

  test("is billed when the subscription ends with its period", async () => {
    await box.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    await clock.to("2026-05-01T02:00:00Z");
    expect(await current()).toMatchObject({ status: "canceled", latest_invoice: { amount_paid: 500 } });
  });

  test("is billed when the subscription is paused, unless that is not wanted", async () => {
    await box.stripe.subscriptions.pause(subscription.id, {
      bill_for: { outstanding_usage_through: { type: "none" } },
    });
    expect(await pending()).toEqual([]);
    await box.stripe.subscriptions.resume(subscription.id, { billing_cycle_anchor: { type: "unchanged" } });
    await box.stripe.subscriptions.pause(subscription.id);
    expect(await pending()).toEqual([500]);
  });

  test("has no quantity that could be set", async () => {
    const { id } = subscription.items.data[0]!;
    for (const items of [
      [{ id, quantity: 3 }],
      [{ price: subscription.items.data[0]!.price.id, quantity: 3 }],
    ]) {
      await expect(box.stripe.subscriptions.update(subscription.id, { items })).rejects.toThrow(/metered/);
    }
  });
});

test("subscriptions are found by status, price, period and clock", async () => {
  const other = await priceOf(box, 700, { recurring: { interval: "week" } });
  const weekly = await start({ items: [{ price: other.id }] });
  const outside = await box.stripe.subscriptions.create({
    customer: (await payer(box)).id,
    items: [{ price: price.id }],
  });
  const found = async (params: Stripe.SubscriptionListParams) =>
    (await box.stripe.subscriptions.list(params)).data.map(({ id }) => id);
  expect(await found({ price: other.id })).toEqual([weekly.id]);
  expect(await found({ test_clock: clock.id })).toEqual([weekly.id, subscription.id]);
  expect(await found({ current_period_end: { lt: at("2026-04-10T00:00:00Z") } })).toEqual([weekly.id]);
  await box.stripe.subscriptions.cancel(outside.id);
  expect(await found({ status: "ended" })).toEqual([outside.id]);
  expect(await found({})).toEqual([weekly.id, subscription.id]);
});
