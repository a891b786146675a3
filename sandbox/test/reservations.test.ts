import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { movements, pay } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

const create = (more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({ amount: 3900, currency: "usd", ...more });

const unexpected = { statusCode: 400, code: "payment_intent_unexpected_state" };

describe("money that is only reserved", () => {
  const hold = (more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
    pay(stripe, "pm_card_visa", { capture_method: "manual", ...more });

  test("waits to be captured, and is then taken", async () => {
    const held = await hold();
    expect(held).toMatchObject({ status: "requires_capture", amount_capturable: 3900, amount_received: 0 });
    const charge = await stripe.charges.retrieve(String(held.latest_charge));
    expect(charge).toMatchObject({
      captured: false,
      paid: true,
      amount_captured: 0,
      balance_transaction: null,
    });
    expect(await stripe.paymentIntents.capture(held.id)).toMatchObject({
      status: "succeeded",
      amount_capturable: 0,
      amount_received: 3900,
    });
    expect(await box.eventTypes()).toEqual([
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.amount_capturable_updated",
      "charge.captured",
      "payment_intent.succeeded",
    ]);
  });

  test("can be taken in part; the rest is released and cannot be refunded", async () => {
    const held = await hold();
    await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1000 });
    expect(await stripe.charges.retrieve(String(held.latest_charge))).toMatchObject({
      amount: 3900,
      amount_captured: 1000,
      amount_refunded: 0,
      captured: true,
    });
    expect((await movements(stripe)).map(({ amount }) => amount)).toEqual([1000]);
    await expect(
      stripe.refunds.create({ charge: String(held.latest_charge), amount: 1001 }),
    ).rejects.toMatchObject({ param: "amount" });
  });

  test("is captured once, not beyond what is held, and only where it is held", async () => {
    const held = await hold();
    await expect(stripe.paymentIntents.capture(held.id, { amount_to_capture: 3901 })).rejects.toMatchObject({
      code: "amount_too_large",
      param: "amount_to_capture",
    });
    await stripe.paymentIntents.capture(held.id);
    await expect(stripe.paymentIntents.capture(held.id)).rejects.toMatchObject(unexpected);
    await expect(stripe.charges.capture(String(held.latest_charge))).rejects.toMatchObject({
      code: "charge_already_captured",
    });
    await expect(stripe.paymentIntents.capture((await create()).id)).rejects.toMatchObject(unexpected);
    expect(await movements(stripe)).toHaveLength(1);
  });

  test("can be captured through its charge", async () => {
    const held = await hold();
    expect(await stripe.charges.capture(String(held.latest_charge), { amount: 900 })).toMatchObject({
      captured: true,
      amount_captured: 900,
    });
    expect(await stripe.paymentIntents.retrieve(held.id)).toMatchObject({
      status: "succeeded",
      amount_received: 900,
    });
  });

  test("is given back by a cancellation, and cannot be refunded", async () => {
    const held = await hold();
    await expect(stripe.refunds.create({ payment_intent: held.id })).rejects.toMatchObject({
      message: expect.stringContaining("does not have a successful charge to refund"),
    });
    expect(await stripe.paymentIntents.cancel(held.id)).toMatchObject({
      status: "canceled",
      amount_capturable: 0,
    });
    expect(await movements(stripe)).toEqual([]);
    await box.advance({ days: 8 });
    expect(await box.eventTypes()).not.toContain("charge.expired");
  });

  test("is given back by itself after seven days", async () => {
    const held = await hold();
    await box.advance({ days: 7 });
    expect(await stripe.paymentIntents.retrieve(held.id)).toMatchObject({
      status: "canceled",
      cancellation_reason: "automatic",
    });
    expect((await box.eventTypes()).slice(-2)).toEqual(["charge.expired", "payment_intent.canceled"]);
  });
});
