import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { RETURN } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

const unexpected = { statusCode: 400, code: "setup_intent_unexpected_state" };

test("a setup makes the card the customer's, and tells each step", async () => {
  const customer = await stripe.customers.create();
  const setup = await stripe.setupIntents.create({ customer: customer.id, metadata: { for: "later" } });
  expect(setup).toMatchObject({ status: "requires_payment_method", usage: "off_session" });
  const ready = await stripe.setupIntents.update(setup.id, { payment_method: "pm_card_visa" });
  expect(ready.status).toBe("requires_confirmation");
  const done = await stripe.setupIntents.confirm(setup.id, { return_url: RETURN });
  expect(done).toMatchObject({ status: "succeeded", metadata: { for: "later" } });
  const method = await stripe.paymentMethods.retrieve(String(done.payment_method));
  expect(method.customer).toBe(customer.id);
  expect(await box.eventTypes()).toEqual([
    "customer.created",
    "setup_intent.created",
    "payment_method.attached",
    "setup_intent.succeeded",
  ]);
});

test("a card that is refused leaves the setup open for another", async () => {
  const setup = await stripe.setupIntents.create();
  const refused = await stripe.setupIntents
    .confirm(setup.id, { payment_method: "pm_card_chargeDeclined", return_url: RETURN })
    .then(
      () => Promise.reject(new Error("It was set up.")),
      (error: Stripe.errors.StripeError) => error,
    );
  expect(refused).toMatchObject({
    statusCode: 402,
    code: "card_declined",
    setup_intent: { id: setup.id, status: "requires_payment_method" },
  });
  expect(await stripe.setupIntents.retrieve(setup.id)).toMatchObject({
    status: "requires_payment_method",
    payment_method: null,
    last_setup_error: { code: "card_declined" },
  });
  expect(await box.eventTypes()).toEqual(["setup_intent.created", "setup_intent.setup_failed"]);
  const again = await stripe.setupIntents.confirm(setup.id, {
    payment_method: "pm_card_visa",
    return_url: RETURN,
  });
  expect(again).toMatchObject({ status: "succeeded", last_setup_error: null });
});

test("a card whose charges fail later can be set up", async () => {
  const customer = await stripe.customers.create();
  const setup = await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: "pm_card_chargeCustomerFail",
    confirm: true,
    return_url: RETURN,
  });
  expect(setup.status).toBe("succeeded");
});

test("the holder may say no", async () => {
  const customer = await stripe.customers.create();
  const setup = await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: "pm_card_authenticationRequired",
    confirm: true,
    return_url: RETURN,
  });
  expect(setup).toMatchObject({ status: "requires_action" });
  const { body } = await box.control(`/setup_intents/${setup.id}/authenticate`, { outcome: "fail" });
  expect(body).toMatchObject({
    status: "requires_payment_method",
    last_setup_error: { code: "setup_intent_authentication_failure" },
  });
  expect((await stripe.customers.listPaymentMethods(customer.id)).data).toEqual([]);
  expect((await box.control(`/setup_intents/${setup.id}/authenticate`, { outcome: "fail" })).status).toBe(
    400,
  );
});

test("what is over stays as it is", async () => {
  const done = await stripe.setupIntents.create({
    payment_method: "pm_card_visa",
    confirm: true,
    return_url: RETURN,
  });
  await expect(
    stripe.setupIntents.confirm(done.id, { payment_method: "pm_card_visa", return_url: RETURN }),
  ).rejects.toMatchObject(unexpected);
  await expect(stripe.setupIntents.cancel(done.id)).rejects.toMatchObject(unexpected);
  await expect(stripe.setupIntents.update(done.id, { payment_method: "pm_card_visa" })).rejects.toMatchObject(
    unexpected,
  );
  expect(await stripe.setupIntents.update(done.id, { metadata: { a: "1" } })).toMatchObject({
    metadata: { a: "1" },
  });
  const open = await stripe.setupIntents.create();
  expect(await stripe.setupIntents.cancel(open.id, { cancellation_reason: "duplicate" })).toMatchObject({
    status: "canceled",
    cancellation_reason: "duplicate",
  });
  await expect(stripe.setupIntents.cancel(open.id)).rejects.toMatchObject(unexpected);
  await expect(
    stripe.setupIntents.confirm(open.id, { payment_method: "pm_card_visa", return_url: RETURN }),
  ).rejects.toMatchObject(unexpected);
});

test("confirmation needs a method, a way back, and the customer's own card", async () => {
  const [ada, bob] = [await stripe.customers.create(), await stripe.customers.create()];
  const setup = await stripe.setupIntents.create({ customer: bob.id });
  await expect(stripe.setupIntents.confirm(setup.id, { return_url: RETURN })).rejects.toMatchObject(
    unexpected,
  );
  await expect(
    stripe.setupIntents.confirm(setup.id, { payment_method: "pm_card_visa" }),
  ).rejects.toMatchObject({ message: expect.stringContaining("This SetupIntent is configured") });
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: ada.id });
  await expect(
    stripe.setupIntents.confirm(setup.id, { payment_method: method.id, return_url: RETURN }),
  ).rejects.toMatchObject({ param: "payment_method" });
  const types = { payment_method_types: ["card"] } as Stripe.SetupIntentCreateParams;
  await expect(stripe.setupIntents.create(types)).rejects.toMatchObject({
    code: "payment_method_types_no_longer_supported",
  });
});

test("setups are listed by customer and by method", async () => {
  const customer = await stripe.customers.create();
  const done = await stripe.setupIntents.create({
    customer: customer.id,
    payment_method: "pm_card_visa",
    confirm: true,
    return_url: RETURN,
  });
  await stripe.setupIntents.create();
  const ids = async (params: Stripe.SetupIntentListParams) =>
    (await stripe.setupIntents.list(params)).data.map(({ id }) => id);
  expect(await ids({ customer: customer.id })).toEqual([done.id]);
  expect(await ids({ payment_method: String(done.payment_method) })).toEqual([done.id]);
  expect(await ids({})).toHaveLength(2);
});
