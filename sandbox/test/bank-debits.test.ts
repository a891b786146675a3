import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { movements, pay, RETURN } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

test.each([
  ["pm_usBankAccount_success", "usd"],
  ["pm_success_de", "eur"],
])("%s is under way first, and paid when the bank says so", async (token, currency) => {
  const intent = await pay(stripe, token, { currency });
  expect(intent).toMatchObject({ status: "processing", amount_received: 0 });
  expect(await stripe.charges.retrieve(String(intent.latest_charge))).toMatchObject({
    paid: false,
    status: "pending",
    balance_transaction: null,
  });
  expect(await movements(stripe)).toEqual([]);
  await box.advance({ seconds: 10 });
  expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
    status: "succeeded",
    amount_received: 3900,
  });
  expect(await box.eventTypes()).toEqual([
    "payment_intent.created",
    "payment_intent.processing",
    "charge.pending",
    "charge.succeeded",
    "payment_intent.succeeded",
  ]);
  expect((await movements(stripe)).map(({ amount, type }) => [amount, type])).toEqual([[3900, "payment"]]);
});

test("a debit that the bank refuses sends the payment back for another method", async () => {
  const intent = await pay(stripe, "pm_usBankAccount_insufficientFunds");
  await box.advance({ seconds: 10 });
  expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
    status: "requires_payment_method",
    last_payment_error: {
      code: "payment_intent_payment_attempt_failed",
      payment_method: { type: "us_bank_account" },
    },
  });
  expect((await box.eventTypes()).slice(-2)).toEqual(["charge.failed", "payment_intent.payment_failed"]);
  expect(await stripe.charges.retrieve(String(intent.latest_charge))).toMatchObject({
    amount_captured: 0,
    paid: false,
    status: "failed",
  });
  expect(await movements(stripe)).toEqual([]);
  const paid = await stripe.paymentIntents.confirm(intent.id, {
    payment_method: "pm_card_visa",
    return_url: RETURN,
  });
  expect(paid.status).toBe("succeeded");
});

test("a slow bank takes three minutes", async () => {
  const intent = await pay(stripe, "pm_successDelayed_de", { currency: "eur" });
  await box.advance({ seconds: 170 });
  expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe("processing");
  await box.advance({ seconds: 11 });
  expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe("succeeded");
});

test.each([
  ["succeed", "succeeded"],
  ["fail", "requires_payment_method"],
])("one that never decides can be told to %s", async (outcome, status) => {
  const intent = await pay(stripe, "pm_usBankAccount_processing");
  await box.advance({ days: 30 });
  expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe("processing");
  await expect(
    stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa", return_url: RETURN }),
  ).rejects.toMatchObject({ code: "payment_intent_unexpected_state" });
  const settle = () => box.control(`/payment_intents/${intent.id}/settle`, { outcome });
  expect((await settle()).body).toMatchObject({ status });
  expect((await settle()).status).toBe(400);
});

test("a payment under way can be given up, and is then never made", async () => {
  const intent = await pay(stripe, "pm_usBankAccount_success");
  expect(await stripe.paymentIntents.cancel(intent.id)).toMatchObject({ status: "canceled" });
  await box.advance({ seconds: 10 });
  expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({ status: "canceled" });
  expect(await stripe.charges.retrieve(String(intent.latest_charge))).toMatchObject({ status: "failed" });
  expect(await movements(stripe)).toEqual([]);
});

test("a debit that its holder denies is disputed once it was paid", async () => {
  await pay(stripe, "pm_disputed_de", { currency: "eur" });
  await box.advance({ seconds: 10 });
  const [dispute] = (await stripe.disputes.list()).data;
  expect(dispute).toMatchObject({
    reason: "debit_not_authorized",
    status: "needs_response",
    currency: "eur",
  });
});

test("refunds of debits take time", async () => {
  const intent = await pay(stripe, "pm_usBankAccount_success");
  await expect(stripe.refunds.create({ payment_intent: intent.id })).rejects.toMatchObject({
    statusCode: 400,
  });
  await box.advance({ seconds: 10 });
  const refund = await stripe.refunds.create({ payment_intent: intent.id });
  expect(refund.status).toBe("pending");
  await box.advance({ seconds: 301 });
  expect((await stripe.refunds.retrieve(refund.id)).status).toBe("succeeded");
});

test("an account pays in its own currency only", async () => {
  await expect(pay(stripe, "pm_success_de")).rejects.toMatchObject({
    code: "payment_intent_incompatible_payment_method",
  });
  await expect(pay(stripe, "pm_usBankAccount_success", { currency: "eur" })).rejects.toMatchObject({
    param: "payment_method",
  });
});

test("accounts are made by number, attached and set up", async () => {
  const customer = await stripe.customers.create();
  const method = await stripe.paymentMethods.create({
    type: "sepa_debit",
    sepa_debit: { iban: "DE62 3704 0044 0532 0130 01" },
    billing_details: { name: "Ada", email: "ada@example.com" },
  });
  expect(method).toMatchObject({ type: "sepa_debit", sepa_debit: { country: "DE", last4: "3001" } });
  const setup = await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: method.id,
    confirm: true,
    return_url: RETURN,
  });
  expect(setup.status).toBe("succeeded");
  const intent = await pay(stripe, method.id, { customer: customer.id, currency: "eur", off_session: true });
  await box.advance({ seconds: 10 });
  expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe("requires_payment_method");
  expect((await stripe.customers.listPaymentMethods(customer.id, { type: "sepa_debit" })).data).toHaveLength(
    1,
  );
});
