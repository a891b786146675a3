import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { amountsOf, HALF, invoiceOf, START, Subscriber } from "./support/subscriber.ts";
import { at, payer, priceOf, type TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let customer: Stripe.Customer;
let price: Stripe.Price;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, customer, price, subscription } = subscriber);
});
afterEach(() => box.close());

describe("a subscription that is canceled", () => {
  beforeEach(() => clock.to(HALF));
  const cancel = (params: Stripe.SubscriptionCancelParams = {}) =>
    box.stripe.subscriptions.cancel(subscription.id, { expand: ["latest_invoice"], ...params });

  test("gives nothing back unless that is asked for, and forgets what waited for the next invoice", async () => {
    await box.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]!.id, quantity: 2 }],
    });
    expect(await subscriber.pending()).toEqual([-1500, 3000]);
    const canceled = await cancel({ cancellation_details: { comment: "moving", feedback: "unused" } });
    expect(canceled).toMatchObject({
      status: "canceled",
      canceled_at: at(HALF),
      ended_at: at(HALF),
      cancellation_details: { comment: "moving", feedback: "unused", reason: "cancellation_requested" },
    });
    expect(await subscriber.pending()).toEqual([]);
    expect(await box.eventTypes()).toContain("invoiceitem.deleted");
    await clock.to("2026-05-02T00:00:00Z");
    expect((await box.stripe.invoices.list({ subscription: subscription.id })).data).toHaveLength(1);
  });

  test("leaves the rest of the period as credit by prorate", async () => {
    await cancel({ prorate: true });
    expect(await subscriber.pending()).toEqual([-1500]);
  });

  test("makes the rest of the period a credit balance by prorate and invoice_now", async () => {
    const canceled = await cancel({ prorate: true, invoice_now: true });
    expect(amountsOf(invoiceOf(canceled))).toEqual([-1500]);
    expect(invoiceOf(canceled)).toMatchObject({ status: "paid", amount_due: 0, total: -1500 });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -1500 });
  });

  test("bills what waited by invoice_now", async () => {
    await box.stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]!.id, quantity: 2 }],
    });
    expect(invoiceOf(await cancel({ invoice_now: true }))).toMatchObject({
      status: "paid",
      amount_paid: 1500,
    });
  });

  test("is collected no longer", async () => {
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-01T01:00:00Z");
    const open = invoiceOf(await subscriber.current());
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
    const ended = await subscriber.current();
    expect(ended.status).toBe("canceled");
    expect(invoiceOf(ended)).toMatchObject({ amount_paid: 1500, status: "paid" });
  });
});

test("billing mode moves from classic to flexible only", async () => {
  const classic = await subscriber.subscribe({ billing_mode: { type: "classic" } });
  expect(
    await box.stripe.subscriptions.migrate(classic.id, { billing_mode: { type: "flexible" } }),
  ).toMatchObject({ billing_mode: { type: "flexible", updated_at: at(START) } });
  await expect(
    box.stripe.subscriptions.migrate(classic.id, { billing_mode: { type: "flexible" } }),
  ).rejects.toMatchObject({ statusCode: 400 });
});

test("a trial without a method asks for one, and is charged to it", async () => {
  const nobody = await box.stripe.customers.create({ test_clock: clock.id });
  const trial = await subscriber.subscribe({
    customer: nobody.id,
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
  expect(await subscriber.current()).toMatchObject({
    status: "active",
    latest_invoice: { amount_paid: 3000 },
  });
});

test("subscriptions are found by status, price, period and clock", async () => {
  const other = await priceOf(box, 700, { recurring: { interval: "week" } });
  const weekly = await subscriber.subscribe({ items: [{ price: other.id }] });
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

test("a subscription bought in Checkout is canceled at once, or at its period's end", async () => {
  const first = await order(box.stripe);
  await box.complete(first.session.id, "pm_card_visa");
  const now = String((await box.stripe.checkout.sessions.retrieve(first.session.id)).subscription);
  expect(await box.stripe.subscriptions.cancel(now)).toMatchObject({ status: "canceled" });
  await expect(box.stripe.subscriptions.cancel(now)).rejects.toMatchObject({ code: "resource_missing" });
  await expect(box.stripe.subscriptions.update(now, { cancel_at_period_end: true })).rejects.toMatchObject({
    statusCode: 400,
  });

  const second = await order(box.stripe);
  await box.complete(second.session.id, "pm_card_visa");
  const later = String((await box.stripe.checkout.sessions.retrieve(second.session.id)).subscription);
  const scheduled = await box.stripe.subscriptions.update(later, {
    cancel_at_period_end: true,
    metadata: { why: "moved" },
  });
  expect(scheduled).toMatchObject({
    status: "active",
    cancel_at_period_end: true,
    metadata: { why: "moved" },
  });
  await box.advance({ days: 32 });
  expect(await box.stripe.subscriptions.retrieve(later)).toMatchObject({
    status: "canceled",
    ended_at: scheduled.cancel_at,
  });
});
