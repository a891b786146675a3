import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { invoiceOf, Subscriber } from "./support/subscriber.ts";
import { at, iso, type TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let customer: Stripe.Customer;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, customer } = subscriber);
});
afterEach(() => box.close());

describe("collection", () => {
  test.each([
    ["keep_as_draft", "draft"],
    ["void", "void"],
    ["mark_uncollectible", "uncollectible"],
  ] as const)(
    "is paused by %s: renewals are %s, and the status does not change",
    async (behavior, status) => {
      const paused = await subscriber.update({
        pause_collection: { behavior, resumes_at: at("2026-05-10T00:00:00Z") },
      });
      expect(paused).toMatchObject({ status: "active", pause_collection: { behavior } });
      await clock.to("2026-05-01T02:00:00Z");
      const renewed = await subscriber.current();
      expect([renewed.status, invoiceOf(renewed).status]).toEqual(["active", status]);
      await clock.to("2026-06-01T02:00:00Z");
      const after = await subscriber.current();
      expect([after.pause_collection, invoiceOf(after).status]).toEqual([null, "paid"]);
    },
  );

  test("goes on when it is told to", async () => {
    await subscriber.update({ pause_collection: { behavior: "void" } });
    expect((await subscriber.update({ pause_collection: "" })).pause_collection).toBeNull();
  });

  test("changes its method, and to sending only with a due date", async () => {
    await expect(subscriber.update({ collection_method: "send_invoice" })).rejects.toMatchObject({
      param: "days_until_due",
    });
    expect(await subscriber.update({ collection_method: "send_invoice", days_until_due: 5 })).toMatchObject({
      collection_method: "send_invoice",
      days_until_due: 5,
    });
    expect(await subscriber.update({ collection_method: "charge_automatically" })).toMatchObject({
      days_until_due: null,
    });
  });
});

describe("an end", () => {
  test("in the middle of the period gives the rest back, and is taken back again", async () => {
    await clock.to("2026-04-11T00:00:00Z");
    const cancel_at = at("2026-04-21T00:00:00Z");
    const ending = await subscriber.update({ cancel_at });
    expect(ending).toMatchObject({ cancel_at, canceled_at: at("2026-04-11T00:00:00Z") });
    expect(ending.items.data[0]!.current_period_end).toBe(cancel_at);
    expect(await subscriber.pending()).toEqual([-1000]);
    const kept = await subscriber.update({ cancel_at: "" });
    expect(kept).toMatchObject({ cancel_at: null, canceled_at: null });
    expect(iso(kept.items.data[0]!.current_period_end)).toBe("2026-05-01T00:00:00");
    expect(await subscriber.pending()).toEqual([-1000, 1000]);
  });

  test("is the period's where that is asked for, whatever else is changed", async () => {
    const ending = await subscriber.update({ cancel_at: "max_period_end" });
    expect(ending).toMatchObject({ cancel_at: at("2026-05-01T00:00:00Z"), cancel_at_period_end: false });
    expect(await subscriber.pending()).toEqual([]);
    await clock.to("2026-05-01T00:00:00Z");
    expect((await subscriber.current()).status).toBe("canceled");
  });

  test("cannot be both at the period's end and at a date", async () => {
    await expect(
      subscriber.update({ cancel_at: at("2026-04-21T00:00:00Z"), cancel_at_period_end: true }),
    ).rejects.toMatchObject({ code: "parameters_exclusive" });
  });
});

describe("other fields", () => {
  test("are changed, and what is not said stays", async () => {
    const { id } = await box.stripe.paymentMethods.attach("pm_card_mastercard", { customer: customer.id });
    const changed = await subscriber.update({
      default_payment_method: id,
      description: "Gold",
      metadata: { a: "1" },
      payment_settings: { save_default_payment_method: "on_subscription" },
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
      cancellation_details: { comment: "too dear", feedback: "too_expensive" },
    });
    expect(changed).toMatchObject({
      default_payment_method: id,
      description: "Gold",
      metadata: { a: "1" },
      payment_settings: { save_default_payment_method: "on_subscription" },
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
      cancellation_details: { comment: "too dear", feedback: "too_expensive" },
      items: { data: [{ id: subscriber.item }] },
    });
    expect(await subscriber.update({ description: "" })).toMatchObject({
      description: null,
      metadata: { a: "1" },
    });
    await expect(subscriber.update({ default_payment_method: "pm_card_visa" })).rejects.toMatchObject({
      param: "default_payment_method",
    });
  });

  test("discounts come, are replaced, and go", async () => {
    const [ten, half] = [
      await box.stripe.coupons.create({ percent_off: 10, duration: "forever" }),
      await box.stripe.coupons.create({ percent_off: 50, duration: "forever" }),
    ];
    expect((await subscriber.update({ discounts: [{ coupon: ten.id }] })).discounts).toHaveLength(1);
    await subscriber.update({ discounts: [{ coupon: half.id }] });
    await clock.to("2026-05-01T02:00:00Z");
    expect(invoiceOf(await subscriber.current()).amount_paid).toBe(1500);
    expect((await subscriber.update({ discounts: "" })).discounts).toEqual([]);
    const told = await box.eventTypes();
    expect(told.filter((type) => type.startsWith("customer.discount"))).toEqual([
      "customer.discount.created",
      "customer.discount.created",
      "customer.discount.deleted",
      "customer.discount.deleted",
    ]);
  });
});
