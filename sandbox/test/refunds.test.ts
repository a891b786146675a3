import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { charged, movements, pay, RETURN } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

/** The types of the events since there were so many. */
const since = async (count: number) => (await box.eventTypes()).slice(count);

test("a refund gives everything back, and tells so in Stripe's order", async () => {
  const charge = await charged(stripe, "pm_card_visa");
  const before = (await box.eventTypes()).length;
  const refund = await stripe.refunds.create({
    charge: charge.id,
    reason: "duplicate",
    metadata: { a: "b" },
  });
  expect(refund).toMatchObject({
    amount: 3900,
    charge: charge.id,
    metadata: { a: "b" },
    payment_intent: charge.payment_intent,
    reason: "duplicate",
    status: "succeeded",
  });
  expect(await since(before)).toEqual(["refund.created", "charge.refunded"]);
  const expanded = await stripe.charges.retrieve(charge.id, { expand: ["refunds"] });
  expect(expanded).toMatchObject({ amount_refunded: 3900, refunded: true, amount_captured: 3900 });
  expect(expanded.refunds!.data.map(({ id }) => id)).toEqual([refund.id]);
  expect(await stripe.paymentIntents.retrieve(String(charge.payment_intent))).toMatchObject({
    status: "succeeded",
  });
});

test("the bank's reference follows some minutes later", async () => {
  const refund = await stripe.refunds.create({ charge: (await charged(stripe, "pm_card_visa")).id });
  expect(refund.destination_details!.card).toMatchObject({ reference_status: "pending" });
  const before = (await box.eventTypes()).length;
  await box.advance({ seconds: 300 });
  expect(await since(before)).toEqual(["refund.updated"]);
  const { destination_details } = await stripe.refunds.retrieve(refund.id);
  expect(destination_details!.card).toMatchObject({
    reference: expect.stringMatching(/\w+/),
    reference_status: "available",
  });
});

test("parts can be refunded until nothing is left, and no more", async () => {
  const intent = await pay(stripe, "pm_card_visa");
  const refund = (amount?: number) =>
    stripe.refunds.create({ payment_intent: intent.id, ...(amount && { amount }) });
  await refund(1000);
  const charge = () => stripe.charges.retrieve(String(intent.latest_charge));
  expect(await charge()).toMatchObject({ amount_refunded: 1000, refunded: false });
  await expect(refund(2901)).rejects.toMatchObject({
    statusCode: 400,
    param: "amount",
    message: "Refund amount ($29.01) is greater than unrefunded amount on charge ($29.00)",
  });
  expect(await refund()).toMatchObject({ amount: 2900 });
  expect(await charge()).toMatchObject({ amount_refunded: 3900, refunded: true });
  await expect(refund(1)).rejects.toMatchObject({ code: "charge_already_refunded" });
  expect((await stripe.refunds.list({ payment_intent: intent.id })).data).toHaveLength(2);
  expect((await movements(stripe)).map(({ type, amount }) => [type, amount])).toEqual([
    ["refund", -2900],
    ["refund", -1000],
    ["charge", 3900],
  ]);
});

test("the card whose refunds take time: pending, then succeeded", async () => {
  const charge = await charged(stripe, "pm_card_pendingRefund");
  const refund = await stripe.refunds.create({ charge: charge.id });
  expect(refund.status).toBe("pending");
  const before = (await box.eventTypes()).length;
  await box.advance({ seconds: 299 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("pending");
  await box.advance({ seconds: 2 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("succeeded");
  expect(await since(before)).toEqual(["refund.updated", "charge.refund.updated"]);
  const event = (await box.events()).find(({ type }) => type === "refund.updated")!;
  expect(event.data.previous_attributes).toMatchObject({ status: "pending" });
});

test("the card whose refunds fail: the money comes back, and the charge can be refunded anew", async () => {
  const charge = await charged(stripe, "pm_card_refundFail");
  const refund = await stripe.refunds.create({ charge: charge.id, amount: 1500 });
  expect(refund.status).toBe("succeeded");
  const before = (await box.eventTypes()).length;
  await box.advance({ seconds: 301 });
  const failed = await stripe.refunds.retrieve(refund.id, { expand: ["failure_balance_transaction"] });
  expect(failed).toMatchObject({
    status: "failed",
    failure_reason: "expired_or_canceled_card",
    failure_balance_transaction: { amount: 1500, type: "refund_failure" },
  });
  expect(await since(before)).toEqual([
    "charge.updated",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
  ]);
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ amount_refunded: 0, refunded: false });
  expect(await stripe.refunds.create({ charge: charge.id })).toMatchObject({ amount: 3900 });
});

test("only a refund that waits for its holder can be canceled", async () => {
  const charge = await charged(stripe, "pm_card_pendingRefund");
  const refund = await stripe.refunds.create({ charge: charge.id });
  await expect(stripe.refunds.cancel(refund.id)).rejects.toMatchObject({
    message: expect.stringContaining("status of pending"),
  });
  await box.control(`/refunds/${refund.id}`, { status: "requires_action" });
  await box.advance({ hours: 1 });
  expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({
    status: "requires_action",
    next_action: { type: "display_details" },
  });
  expect(await stripe.refunds.cancel(refund.id)).toMatchObject({ status: "canceled" });
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ amount_refunded: 0 });
  await expect(stripe.refunds.cancel(refund.id)).rejects.toMatchObject({ statusCode: 400 });
  expect((await box.control(`/refunds/${refund.id}`, { status: "failed" })).status).toBe(400);
});

test("how a refund ends can be decided on demand", async () => {
  const charge = await charged(stripe, "pm_card_pendingRefund");
  const [good, bad] = [
    await stripe.refunds.create({ charge: charge.id, amount: 1000 }),
    await stripe.refunds.create({ charge: charge.id, amount: 2000 }),
  ];
  expect((await box.control(`/refunds/${good.id}`, { status: "succeeded" })).body).toMatchObject({
    status: "succeeded",
  });
  const { body } = await box.control(`/refunds/${bad.id}`, {
    status: "failed",
    reason: "lost_or_stolen_card",
  });
  expect(body).toMatchObject({ status: "failed", failure_reason: "lost_or_stolen_card" });
  expect((await box.control(`/refunds/${bad.id}`, { status: "odd" })).status).toBe(400);
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ amount_refunded: 1000 });
});

test("metadata can be changed, and nothing else", async () => {
  const refund = await stripe.refunds.create({ charge: (await charged(stripe, "pm_card_visa")).id });
  expect(await stripe.refunds.update(refund.id, { metadata: { why: "asked" } })).toMatchObject({
    metadata: { why: "asked" },
  });
  await expect(stripe.refunds.update(refund.id, { reason: "duplicate" } as never)).rejects.toMatchObject({
    code: "parameter_unknown",
  });
});

test("there must be a charge, and it must have been paid", async () => {
  await expect(stripe.refunds.create({})).rejects.toMatchObject({ code: "parameter_missing" });
  await expect(stripe.refunds.create({ charge: "ch_none" })).rejects.toMatchObject({
    code: "resource_missing",
    param: "charge",
  });
  const unpaid = await stripe.paymentIntents.create({ amount: 3900, currency: "usd" });
  await expect(stripe.refunds.create({ payment_intent: unpaid.id })).rejects.toMatchObject({
    message: `This PaymentIntent (${unpaid.id}) does not have a successful charge to refund.`,
  });
  await pay(stripe, "pm_card_chargeDeclined").catch(() => {});
  const [failed] = (await stripe.charges.list()).data;
  await expect(stripe.refunds.create({ charge: failed!.id })).rejects.toMatchObject({ statusCode: 400 });
  expect(await movements(stripe)).toEqual([]);
});

test("a retried request refunds once", async () => {
  const charge = await charged(stripe, "pm_card_visa");
  const once = () => stripe.refunds.create({ charge: charge.id, amount: 100 }, { idempotencyKey: "once" });
  expect((await once()).id).toBe((await once()).id);
  expect(await stripe.charges.retrieve(charge.id)).toMatchObject({ amount_refunded: 100 });
});

test("refunds of what lives on a test clock take its time", async () => {
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: Date.UTC(2026, 0, 1) / 1000 });
  const customer = await stripe.customers.create({ test_clock: clock.id });
  const method = await stripe.paymentMethods.attach("pm_card_pendingRefund", { customer: customer.id });
  const charge = await charged(stripe, method.id, { customer: customer.id, return_url: RETURN });
  expect(charge.created).toBe(clock.frozen_time);
  const refund = await stripe.refunds.create({ charge: charge.id });
  await box.advance({ days: 1 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("pending");
  await box.control("/advance", { clock: clock.id, days: 3 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("succeeded");
  const [paid] = await movements(stripe, charge.id);
  expect(paid).toMatchObject({ created: clock.frozen_time, status: "available" });
});
