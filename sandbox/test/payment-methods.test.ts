import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { testCards } from "../cards.ts";
import { pay } from "./support/payments.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

const card = (fields: Stripe.PaymentMethodCreateParams.Card) =>
  stripe.paymentMethods.create({ type: "card", card: fields });
const customerId = async () => (await stripe.customers.create({ email: "ada@example.com" })).id;

test.each([
  ["pm_card_visa", "succeeded"],
  ["pm_card_visa_chargeDeclined", "card_declined generic_decline"],
  ["pm_card_chargeDeclined", "card_declined generic_decline"],
  ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined insufficient_funds"],
  ["pm_card_chargeDeclinedExpiredCard", "expired_card expired_card"],
  ["pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc incorrect_cvc"],
  ["pm_card_chargeDeclinedProcessingError", "processing_error processing_error"],
  ["pm_card_chargeCustomerFail", "card_declined generic_decline"],
  ["pm_card_authenticationRequired", "requires_action"],
  ["pm_card_authenticationRequiredOnSetup", "requires_action"],
  ["pm_card_createDispute", "succeeded"],
  ["pm_card_createDisputeProductNotReceived", "succeeded"],
  ["pm_card_createDisputeInquiry", "succeeded"],
  ["pm_card_pendingRefund", "succeeded"],
  ["pm_card_refundFail", "succeeded"],
])("%s pays: %s", async (token, outcome) => {
  const came = await pay(stripe, token).then(
    ({ status }) => status,
    ({ code, decline_code }: Stripe.errors.StripeError) => `${code} ${decline_code}`,
  );
  expect(came).toBe(outcome);
});

test("every test card is found by its number, and tells its last digits", async () => {
  for (const { number } of testCards) {
    const method = await card({ number, exp_month: 12, exp_year: 2040, cvc: "123" });
    expect(method.card!.last4).toBe(number.slice(-4));
  }
  const spaced = await card({ number: "4242 4242 4242 4242", exp_month: 12, exp_year: 40 });
  expect(spaced.card).toMatchObject({ last4: "4242", exp_year: 2040 });
});

test.each([
  [{ number: "4242424242424241", exp_month: 12, exp_year: 2040 }, "incorrect_number", "number"],
  [{ number: "4242424242424242", exp_month: 12, exp_year: 2020 }, "invalid_expiry_year", "exp_year"],
  [{ number: "4242424242424242", exp_month: 12, exp_year: 2099 }, "invalid_expiry_year", "exp_year"],
])("a card that cannot be one is refused: %j", async (fields, code, param) => {
  await expect(card(fields)).rejects.toMatchObject({ statusCode: 402, type: "StripeCardError", code, param });
});

test("a month that has passed is refused in the year that runs", async () => {
  const clock = Date.UTC(new Date().getUTCFullYear() + 1, 5, 15);
  await box.advance({ seconds: Math.ceil((clock - Date.now()) / 1000) });
  const exp_year = new Date(clock).getUTCFullYear();
  await expect(card({ number: "4242424242424242", exp_month: 5, exp_year })).rejects.toMatchObject({
    code: "invalid_expiry_month",
    param: "exp_month",
  });
  expect((await card({ number: "4242424242424242", exp_month: 6, exp_year })).card).toMatchObject({
    exp_year,
  });
});

test("a declining card is refused when it is attached, one that fails later is not", async () => {
  const customer = await customerId();
  await expect(stripe.paymentMethods.attach("pm_card_chargeDeclined", { customer })).rejects.toMatchObject({
    statusCode: 402,
    code: "card_declined",
  });
  const { id } = await stripe.paymentMethods.attach("pm_card_chargeCustomerFail", { customer });
  await expect(pay(stripe, id, { customer, off_session: true })).rejects.toMatchObject({ statusCode: 402 });
  expect((await stripe.customers.listPaymentMethods(customer)).data).toHaveLength(1);
});

test("a card that runs out is declined until its network renews it", async () => {
  const customer = await customerId();
  const { id } = await stripe.paymentMethods.attach("pm_card_visa", { customer });
  await box.control(`/payment_methods/${id}/update`, { exp_month: 1, exp_year: 2020 });
  await expect(pay(stripe, id, { customer })).rejects.toMatchObject({ code: "expired_card" });
  const { body } = await box.control(`/payment_methods/${id}/update`, { exp_year: 2040, last4: "1881" });
  expect(body).toMatchObject({ card: { exp_month: 1, exp_year: 2040, last4: "1881" } });
  expect((await pay(stripe, id, { customer })).status).toBe("succeeded");
  const told = (await box.events()).filter(({ type }) => type === "payment_method.automatically_updated");
  expect(told[1]!.data.previous_attributes).toEqual({ card: { exp_year: 2020, last4: "4242" } });
});

test("nonsense from the network is refused", async () => {
  const { id } = await card({ token: "tok_visa" });
  for (const body of [{ exp_month: 13 }, { last4: "12" }, { exp_year: "soon" }])
    expect((await box.control(`/payment_methods/${id}/update`, body)).status).toBe(400);
  expect((await box.control("/payment_methods/pm_none/update", {})).status).toBe(404);
  expect((await stripe.paymentMethods.retrieve(id)).card).toMatchObject({ last4: "4242" });
});

test("what may be changed of a method: its expiry and what is noted on it, once it is a customer's", async () => {
  const customer = await customerId();
  const loose = await card({ token: "tok_visa" });
  await expect(stripe.paymentMethods.update(loose.id, { metadata: { a: "1" } })).rejects.toMatchObject({
    statusCode: 400,
  });
  await stripe.paymentMethods.attach(loose.id, { customer });
  await expect(stripe.paymentMethods.update(loose.id, { card: { exp_year: 2020 } })).rejects.toMatchObject({
    code: "invalid_expiry_year",
  });
  expect(
    await stripe.paymentMethods.update(loose.id, {
      card: { exp_month: 3, exp_year: 2041 },
      metadata: { a: "1" },
    }),
  ).toMatchObject({ card: { exp_month: 3, exp_year: 2041 }, metadata: { a: "1" } });
  const debit = await stripe.paymentMethods.attach("pm_us_bank_account", { customer });
  await expect(stripe.paymentMethods.update(debit.id, { card: { exp_year: 2041 } })).rejects.toMatchObject({
    param: "card",
  });
});

test("a method is found among its customer's, and not among another's", async () => {
  const [ada, bob] = [await customerId(), await customerId()];
  const { id } = await stripe.paymentMethods.attach("pm_card_visa", { customer: ada });
  expect((await stripe.customers.retrievePaymentMethod(ada, id)).id).toBe(id);
  await expect(stripe.customers.retrievePaymentMethod(bob, id)).rejects.toMatchObject({
    statusCode: 404,
    code: "resource_missing",
  });
  await expect(stripe.paymentMethods.attach(id, { customer: bob })).rejects.toMatchObject({
    statusCode: 400,
  });
});

test("a detached method is no default any more, and nobody's again", async () => {
  const { session, customer } = await order(stripe);
  const { body } = await box.complete(session.id, "pm_card_visa");
  const subscription = await stripe.subscriptions.retrieve(String(body.subscription));
  const id = String(subscription.default_payment_method);
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: id } });
  expect(await stripe.paymentMethods.detach(id)).toMatchObject({ customer: null });
  expect((await stripe.subscriptions.retrieve(subscription.id)).default_payment_method).toBeNull();
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({
    invoice_settings: { default_payment_method: null },
  });
  await expect(stripe.paymentMethods.detach(id)).rejects.toMatchObject({ statusCode: 400 });
  for (const again of [stripe.paymentMethods.attach(id, { customer: customer.id }), pay(stripe, id)])
    await expect(again).rejects.toMatchObject({ message: expect.stringContaining("may not be used again") });
  const [event] = (await box.events()).filter(({ type }) => type === "payment_method.detached");
  expect(event!.data).toMatchObject({
    object: { customer: null },
    previous_attributes: { customer: customer.id },
  });
});
