import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { amountsOf, HALF, invoiceOf, Subscriber } from "./support/subscriber.ts";
import { at, priceOf, type TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let customer: Stripe.Customer;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, customer, subscription } = subscriber);
});
afterEach(() => box.close());

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
    subscription = await subscriber.subscribe({ items: [{ price: metered.id }] });
    await clock.to(HALF);
    await use("100", at(HALF));
    await clock.to(at(HALF) + DAY_SECONDS);
  });

  test("is billed when the subscription is canceled with a last invoice", async () => {
    await box.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
    expect(invoiceOf(await subscriber.current())).toMatchObject({ status: "paid", amount_paid: 500 });
  });

  test("is billed when the subscription ends with its period", async () => {
    await box.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    await clock.to("2026-05-01T02:00:00Z");
    expect(await subscriber.current()).toMatchObject({
      status: "canceled",
      latest_invoice: { amount_paid: 500 },
    });
  });

  test("is billed when the subscription is paused, unless that is not wanted", async () => {
    await box.stripe.subscriptions.pause(subscription.id, {
      bill_for: { outstanding_usage_through: { type: "none" } },
    });
    expect(await subscriber.pending()).toEqual([]);
    await box.stripe.subscriptions.resume(subscription.id, { billing_cycle_anchor: { type: "unchanged" } });
    await box.stripe.subscriptions.pause(subscription.id);
    expect(await subscriber.pending()).toEqual([500]);
  });

  describe("that a pause has billed", () => {
    beforeEach(async () => {
      await box.stripe.subscriptions.pause(subscription.id, { invoicing_behavior: "invoice" });
      expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([500]);
      await clock.to("2026-04-20T00:00:00Z");
      await box.stripe.subscriptions.resume(subscription.id, { billing_cycle_anchor: { type: "unchanged" } });
      await use("40", at("2026-04-20T00:00:00Z"));
      await clock.to("2026-04-21T00:00:00Z");
    });

    test("is not billed again when the period ends", async () => {
      await clock.to("2026-05-01T02:00:00Z");
      const { lines } = invoiceOf(await subscriber.current());
      expect(lines.data.map(({ amount, quantity }) => [amount, quantity])).toEqual([[200, 40]]);
      expect(lines.data[0]!.period).toEqual({
        start: at(HALF) + DAY_SECONDS,
        end: at("2026-05-01T00:00:00Z"),
      });
      await use("7", at("2026-05-01T02:00:00Z"));
      await clock.to("2026-06-01T02:00:00Z");
      expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([35]);
    });

    test("is not billed again by a cancellation", async () => {
      await box.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
      expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([200]);
    });

    test("is not billed again by another pause", async () => {
      await box.stripe.subscriptions.pause(subscription.id);
      expect(await subscriber.pending()).toEqual([200]);
      await box.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
      expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([200]);
    });

    test("is not billed again by a change that begins a new period", async () => {
      await box.stripe.subscriptions.update(subscription.id, { billing_cycle_anchor: { type: "now" } });
      expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([200]);
    });
  });

  test("that a pause has billed is billed again where its invoice was taken back", async () => {
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await box.stripe.subscriptions.pause(subscription.id, { invoicing_behavior: "invoice" });
    await box.stripe.invoices.voidInvoice(invoiceOf(await subscriber.current()).id!);
    await box.stripe.subscriptions.resume(subscription.id, { billing_cycle_anchor: { type: "unchanged" } });
    await box.stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
    expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([500]);
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
