import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

const START = "2026-01-01T00:00:00Z";
const RENEWAL = "2026-02-01T01:00:00Z";
let box: TestSandbox;
let clock: TestClock;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
  const price = await priceOf(box, 1000);
  const customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
  subscription = await box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
  });
});
afterEach(() => box.close());

const customer = () => String(subscription.customer);
const status = async () => (await box.stripe.subscriptions.retrieve(subscription.id)).status;
const latest = async (): Promise<Stripe.Invoice> => {
  const { latest_invoice } = await box.stripe.subscriptions.retrieve(subscription.id, {
    expand: ["latest_invoice"],
  });
  return latest_invoice as Stripe.Invoice;
};

describe("a renewal that is not paid", () => {
  test("is tried again after three, five and seven days, and then the subscription is canceled", async () => {
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to("2026-02-01T00:30:00Z");
    const told = eventLog(box);
    await told();
    await clock.to(RENEWAL);
    expect(await told()).toEqual([
      "invoice.finalized",
      "payment_intent.created",
      "charge.failed",
      "payment_intent.payment_failed",
      "invoice.payment_failed",
      "customer.subscription.updated",
    ]);
    expect(await status()).toBe("past_due");
    const attempts = [];
    for (let invoice = await latest(); invoice.next_payment_attempt; invoice = await latest()) {
      attempts.push([invoice.attempt_count, iso(invoice.next_payment_attempt)]);
      await clock.to(invoice.next_payment_attempt);
    }
    expect(attempts).toEqual([
      [1, "2026-02-04T01:00:00"],
      [2, "2026-02-09T01:00:00"],
      [3, "2026-02-16T01:00:00"],
    ]);
    expect(await told("invoice.upcoming", "payment_intent")).toEqual([
      "charge.failed",
      "invoice.payment_failed",
      "charge.failed",
      "invoice.payment_failed",
      "charge.failed",
      "invoice.payment_failed",
      "customer.subscription.deleted",
      "invoice.updated",
    ]);
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      status: "canceled",
      ended_at: at("2026-02-16T01:00:00Z"),
      cancellation_details: { reason: "payment_failed" },
    });
    expect(await latest()).toMatchObject({ status: "open", attempt_count: 4, auto_advance: false });
    const failed = (await box.events()).filter(({ type }) => type === "invoice.payment_failed");
    expect((failed.at(-1)!.data.object as Stripe.Invoice).next_payment_attempt).toBeNull();
  });

  test.each(["unpaid", "past_due"] as const)(
    "leaves it %s where that is the setting",
    async (afterRetries) => {
      await box.control("/settings", { afterRetries, retryDays: [1] });
      await useCard(box, customer(), "pm_card_chargeCustomerFail");
      await clock.to("2026-02-02T01:00:00Z");
      expect(await status()).toBe(afterRetries);
      const invoice = await latest();
      expect(invoice).toMatchObject({ status: "open", attempt_count: 2, next_payment_attempt: null });
      await clock.to("2026-03-01T02:00:00Z");
      const renewal = await latest();
      expect(renewal.id).not.toBe(invoice.id);
      expect(renewal).toMatchObject(
        afterRetries === "unpaid"
          ? { status: "draft", auto_advance: false, attempt_count: 0 }
          : { status: "open", attempt_count: 1 },
      );
    },
  );

  test("ends the subscription at once where nothing is tried again", async () => {
    await box.control("/settings", { retryDays: [] });
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to(RENEWAL);
    expect(await status()).toBe("canceled");
    expect(await latest()).toMatchObject({ attempt_count: 1 });
  });

  test("is paid by a retry with a new card, and the subscription is active again", async () => {
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to(RENEWAL);
    await useCard(box, customer(), "pm_card_visa");
    await clock.to("2026-02-04T01:00:00Z");
    expect(await status()).toBe("active");
    expect(await latest()).toMatchObject({ status: "paid", attempt_count: 2, next_payment_attempt: null });
  });

  test("is paid by hand; what was refused by hand counts as no attempt and moves no retry", async () => {
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to(RENEWAL);
    const invoice = await latest();
    await expect(box.stripe.invoices.pay(invoice.id!)).rejects.toMatchObject({ statusCode: 402 });
    expect(await latest()).toMatchObject({
      attempt_count: 1,
      next_payment_attempt: invoice.next_payment_attempt,
    });
    expect(await status()).toBe("past_due");
    const good = await box.stripe.paymentMethods.attach("pm_card_mastercard", { customer: customer() });
    await box.stripe.invoices.pay(invoice.id!, { payment_method: good.id });
    expect(await latest()).toMatchObject({ status: "paid", attempt_count: 1 });
    expect(await status()).toBe("active");
    const charges = await box.stripe.charges.list({ customer: customer() });
    await clock.to("2026-02-20T00:00:00Z");
    expect(await box.stripe.charges.list({ customer: customer() })).toEqual(charges);
  });

  test("waits for 3-D Secure, and is past due until it has been answered", async () => {
    await useCard(box, customer(), "pm_card_authenticationRequired");
    await clock.to(RENEWAL);
    expect(await status()).toBe("past_due");
    const types = await box.eventTypes();
    expect(types).toContain("invoice.payment_action_required");
    expect(types).toContain("payment_intent.requires_action");
    const invoice = await box.stripe.invoices.retrieve((await latest()).id!, { expand: ["payments"] });
    const intent = String(invoice.payments!.data[0]!.payment.payment_intent);
    await box.control(`/payment_intents/${intent}/authenticate`, { outcome: "succeed" });
    expect(await status()).toBe("active");
  });

  test("in arrears twice is active again only when the latest invoice is paid", async () => {
    await box.control("/settings", { afterRetries: "past_due", retryDays: [] });
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to(RENEWAL);
    const first = await latest();
    await clock.to("2026-03-01T01:00:00Z");
    const second = await latest();
    await useCard(box, customer(), "pm_card_visa");
    await box.stripe.invoices.pay(first.id!);
    expect(await status()).toBe("past_due");
    await box.stripe.invoices.pay(second.id!);
    expect(await status()).toBe("active");
  });

  test("of an unpaid subscription is active again when the latest open invoice is paid", async () => {
    await box.control("/settings", { afterRetries: "unpaid", retryDays: [] });
    await useCard(box, customer(), "pm_card_chargeCustomerFail");
    await clock.to(RENEWAL);
    expect(await status()).toBe("unpaid");
    await useCard(box, customer(), "pm_card_visa");
    await box.stripe.invoices.pay((await latest()).id!);
    expect(await status()).toBe("active");
  });
});
