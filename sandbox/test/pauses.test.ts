import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { amountsOf, HALF, invoiceOf, START, Subscriber } from "./support/subscriber.ts";
import { at, eventLog, iso, priceOf, type TestClock, useCard } from "./support/subscribing.ts";

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
    expect(await subscriber.pending()).toEqual([-1500]);
    await clock.to("2026-06-10T00:00:00Z");
    expect((await box.stripe.invoices.list({ subscription: subscription.id })).data).toHaveLength(1);
    await told();
    const resumed = await resume();
    expect(resumed).toMatchObject({ status: "active", billing_cycle_anchor: at("2026-06-10T00:00:00Z") });
    expect(resumed).not.toHaveProperty("status_details");
    expect(amountsOf(invoiceOf(resumed))).toEqual([-1500, 3000]);
    expect(invoiceOf(resumed)).toMatchObject({ status: "paid", amount_paid: 1500 });
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
    expect(amountsOf(invoiceOf(resumed))).toEqual([968]);
    expect(resumed).toMatchObject({ status: "active", billing_cycle_anchor: at(START) });
    expect(iso(resumed.items.data[0]!.current_period_end)).toBe("2026-06-01T00:00:00");
  });

  test("gives nothing back where that is asked for", async () => {
    await clock.to(HALF);
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    expect(await subscriber.pending()).toEqual([]);
    expect(
      await resume({ billing_cycle_anchor: { type: "unchanged" }, proration_behavior: "none" }),
    ).toMatchObject({ status: "active", latest_invoice: { billing_reason: "subscription_create" } });
  });

  test("that kept what was paid goes on in its old period without paying again", async () => {
    await clock.to(HALF);
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await clock.to("2026-04-21T00:00:00Z");
    const resumed = await resume({
      billing_cycle_anchor: { type: "unchanged" },
      proration_behavior: "always_invoice",
    });
    expect(resumed).toMatchObject({
      status: "active",
      latest_invoice: { billing_reason: "subscription_create" },
    });
    expect(await subscriber.pending()).toEqual([]);
    await clock.to("2026-05-01T02:00:00Z");
    expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([3000]);
  });

  test("that kept what was paid pays for a later period in which it goes on", async () => {
    await clock.to(HALF);
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await clock.to("2026-05-22T00:00:00Z");
    await resume({ billing_cycle_anchor: { type: "unchanged" } });
    expect(await subscriber.pending()).toEqual([968]);
  });

  test("pays for what was added to it while it was paused", async () => {
    await clock.to(HALF);
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    const other = await priceOf(box, 6000);
    await box.stripe.subscriptions.update(subscription.id, { items: [{ price: other.id }] });
    await resume({ billing_cycle_anchor: { type: "unchanged" } });
    expect(await subscriber.pending()).toEqual([3000]);
  });

  test("goes on in arrears when the payment that is tried fails", async () => {
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-10T00:00:00Z");
    await resume();
    expect((await subscriber.current()).status).toBe("past_due");
  });

  test("stays paused until it is paid where that is asked for", async () => {
    await pause({ bill_for: { unused_time_from: { type: "none" } } });
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
    await clock.to("2026-05-10T00:00:00Z");
    const waiting = await resume({ payment_behavior: "resume_on_payment_success" });
    expect([waiting.status, invoiceOf(waiting).status]).toEqual(["paused", "open"]);
    const { id } = await box.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
    await box.stripe.invoices.pay(invoiceOf(waiting).id!, { payment_method: id });
    expect(await subscriber.current()).toMatchObject({
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
    expect((await subscriber.current()).status).toBe("paused");
    expect((await box.stripe.invoices.retrieve(invoiceOf(waiting).id!)).status).toBe("void");
  });

  test("since its trial ended without a method goes on once there is one", async () => {
    const nobody = await box.stripe.customers.create({ test_clock: clock.id });
    subscription = await subscriber.subscribe({
      customer: nobody.id,
      trial_period_days: 5,
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
    });
    await clock.to(at(START) + 6 * DAY_SECONDS);
    expect(await subscriber.current()).toMatchObject({
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
    const incomplete = await subscriber.subscribe({ payment_behavior: "default_incomplete" });
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
