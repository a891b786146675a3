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

const create = (more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({ amount: 3900, currency: "usd", ...more });

const unexpected = { statusCode: 400, code: "payment_intent_unexpected_state" };

describe("a payment", () => {
  test("goes from created through a method to success, and tells each step", async () => {
    const customer = await stripe.customers.create();
    const intent = await create({ customer: customer.id, metadata: { order: "7" }, description: "Order 7" });
    expect(intent).toMatchObject({
      status: "requires_payment_method",
      amount_received: 0,
      automatic_payment_methods: { enabled: true, allow_redirects: "always" },
      payment_method_types: ["card", "us_bank_account"],
    });
    const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
    const ready = await stripe.paymentIntents.update(intent.id, { payment_method: method.id, amount: 4000 });
    expect(ready).toMatchObject({ status: "requires_confirmation", amount: 4000 });
    const paid = await stripe.paymentIntents.confirm(intent.id, { return_url: RETURN });
    expect(paid).toMatchObject({ status: "succeeded", amount_received: 4000, metadata: { order: "7" } });
    expect(await stripe.charges.retrieve(String(paid.latest_charge))).toMatchObject({
      amount: 4000,
      captured: true,
      description: "Order 7",
      metadata: { order: "7" },
      payment_intent: intent.id,
    });
    expect(await box.eventTypes()).toEqual([
      "customer.created",
      "payment_intent.created",
      "payment_method.attached",
      "charge.succeeded",
      "payment_intent.succeeded",
    ]);
  });

  test("needs neither customer nor second request", async () => {
    expect(await pay(stripe, "pm_card_visa")).toMatchObject({ status: "succeeded", customer: null });
  });

  test("can be paid with a method that is described with it", async () => {
    const params = { type: "card", card: { token: "tok_visa" } } as unknown;
    const intent = await create({
      confirm: true,
      return_url: RETURN,
      payment_method_data: params as Stripe.PaymentIntentCreateParams.PaymentMethodData,
    });
    expect(intent.status).toBe("succeeded");
  });

  test("keeps the method for later when it is set up so", async () => {
    const customer = await stripe.customers.create();
    await pay(stripe, "pm_card_visa", { customer: customer.id, setup_future_usage: "off_session" });
    const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
    expect(method!.card!.last4).toBe("4242");
    expect(await box.eventTypes()).toContain("payment_method.attached");
  });

  test("that is declined answers 402, keeps its trace, and can be tried with another card", async () => {
    const refusal: Stripe.errors.StripeError = await pay(
      stripe,
      "pm_card_chargeDeclinedInsufficientFunds",
    ).then(
      () => Promise.reject(new Error("It was paid.")),
      (error: Stripe.errors.StripeError) => error,
    );
    expect(refusal).toMatchObject({
      type: "StripeCardError",
      statusCode: 402,
      code: "card_declined",
      decline_code: "insufficient_funds",
    });
    const { id } = refusal.payment_intent as Stripe.PaymentIntent;
    expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({
      status: "requires_payment_method",
      payment_method: null,
      last_payment_error: { decline_code: "insufficient_funds" },
    });
    expect(await box.eventTypes()).toEqual([
      "payment_intent.created",
      "charge.failed",
      "payment_intent.payment_failed",
    ]);
    const paid = await stripe.paymentIntents.confirm(id, {
      payment_method: "pm_card_visa",
      return_url: RETURN,
    });
    expect(paid).toMatchObject({ status: "succeeded", last_payment_error: null });
    const charges = await stripe.charges.list({ payment_intent: id });
    expect(charges.data.map(({ status }) => status)).toEqual(["succeeded", "failed"]);
    expect(await movements(stripe)).toHaveLength(1);
  });

  test("is never made twice", async () => {
    const { id } = await pay(stripe, "pm_card_visa");
    for (const payment_method of ["pm_card_visa", "pm_card_mastercard"])
      await expect(
        stripe.paymentIntents.confirm(id, { payment_method, return_url: RETURN }),
      ).rejects.toMatchObject({ ...unexpected, message: expect.stringContaining("already succeeded") });
    expect((await stripe.charges.list({ payment_intent: id })).data).toHaveLength(1);
  });
});

describe("amounts", () => {
  test.each([
    ["usd", 49, "amount_too_small", "Amount must be at least $0.50 usd"],
    ["gbp", 29, "amount_too_small", "Amount must be at least £0.30 gbp"],
    ["jpy", 49, "amount_too_small", "Amount must be at least ¥50 jpy"],
    ["usd", 100_000_000, "amount_too_large", "Amount must be no more than $999,999.99 usd"],
    ["kwd", 1001, "invalid_charge_amount", "steps of 10"],
    ["isk", 150, "invalid_charge_amount", "steps of 100"],
  ])("%s %i is refused as %s", async (currency, amount, code, message) => {
    await expect(create({ currency, amount })).rejects.toMatchObject({
      statusCode: 400,
      code,
      param: "amount",
      message: expect.stringContaining(message),
    });
    expect(await box.eventTypes()).toEqual([]);
  });

  test.each([
    ["usd", 50],
    ["jpy", 50],
    ["kwd", 1000],
    ["usd", 99_999_999],
  ])("%s %i is taken", async (currency, amount) => {
    expect(await create({ currency, amount })).toMatchObject({ currency, amount });
  });

  test("must be positive whole numbers", async () => {
    await expect(create({ amount: 0 })).rejects.toMatchObject({ code: "parameter_invalid_integer" });
    await expect(create({ amount: 1.5 })).rejects.toMatchObject({ code: "parameter_invalid_integer" });
  });
});

describe("what is refused", () => {
  test("the choice of method types, by its own code", async () => {
    const params = { payment_method_types: ["card"] } as Partial<Stripe.PaymentIntentCreateParams>;
    await expect(create(params)).rejects.toMatchObject({
      code: "payment_method_types_no_longer_supported",
      param: "payment_method_types",
    });
  });

  test("confirmation without a method, and without a way back from a redirect", async () => {
    const intent = await create();
    await expect(stripe.paymentIntents.confirm(intent.id)).rejects.toMatchObject({
      ...unexpected,
      message: expect.stringContaining("missing a payment method"),
    });
    await expect(
      stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" }),
    ).rejects.toMatchObject({ message: expect.stringContaining("return_url") });
    const direct = await create({ automatic_payment_methods: { enabled: true, allow_redirects: "never" } });
    expect(await stripe.paymentIntents.confirm(direct.id, { payment_method: "pm_card_visa" })).toMatchObject({
      status: "succeeded",
    });
  });

  test("changes of what has been paid or given up, but not of notes on it", async () => {
    const { id } = await pay(stripe, "pm_card_visa");
    await expect(stripe.paymentIntents.update(id, { amount: 100 })).rejects.toMatchObject({
      ...unexpected,
      param: "amount",
    });
    expect(await stripe.paymentIntents.update(id, { metadata: { note: "1" } })).toMatchObject({
      status: "succeeded",
      metadata: { note: "1" },
    });
    const open = await create();
    await stripe.paymentIntents.cancel(open.id, { cancellation_reason: "duplicate" });
    await expect(stripe.paymentIntents.update(open.id, { currency: "eur" })).rejects.toMatchObject(
      unexpected,
    );
    await expect(
      stripe.paymentIntents.confirm(open.id, { payment_method: "pm_card_visa", return_url: RETURN }),
    ).rejects.toMatchObject(unexpected);
  });

  test("cancellation of what is over", async () => {
    const { id } = await pay(stripe, "pm_card_visa");
    await expect(stripe.paymentIntents.cancel(id)).rejects.toMatchObject(unexpected);
    const open = await create();
    expect(await stripe.paymentIntents.cancel(open.id)).toMatchObject({ status: "canceled" });
    await expect(stripe.paymentIntents.cancel(open.id)).rejects.toMatchObject(unexpected);
  });

  test("a method of another customer, and one that nobody kept, for the second time", async () => {
    const [ada, bob] = [await stripe.customers.create(), await stripe.customers.create()];
    const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: ada.id });
    await expect(pay(stripe, method.id, { customer: bob.id })).rejects.toMatchObject({
      param: "payment_method",
      message: expect.stringContaining("belongs to a different Customer"),
    });
    await expect(pay(stripe, method.id)).rejects.toMatchObject({ param: "payment_method" });
    const loose = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
    await pay(stripe, loose.id);
    await expect(pay(stripe, loose.id)).rejects.toMatchObject({
      message: expect.stringContaining("may not be used again"),
    });
    expect(await movements(stripe)).toHaveLength(1);
  });

  test("parameters that need confirmation, unknown ones, and those that are not known yet", async () => {
    await expect(create({ off_session: true })).rejects.toMatchObject({ param: "off_session" });
    await expect(create({ return_url: RETURN })).rejects.toMatchObject({ param: "return_url" });
    await expect(create({ colour: "red" } as never)).rejects.toMatchObject({ code: "parameter_unknown" });
    await expect(create({ application_fee_amount: 1 })).rejects.toMatchObject({
      message: expect.stringContaining("does not know"),
    });
    await expect(create({ customer: "cus_none" })).rejects.toMatchObject({
      code: "resource_missing",
      param: "customer",
    });
  });

  test("somebody else's secret", async () => {
    const { id, client_secret } = await create();
    expect((await stripe.paymentIntents.retrieve(id, { client_secret: client_secret! })).id).toBe(id);
    await expect(stripe.paymentIntents.retrieve(id, { client_secret: "no" })).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  test("a method type that the payment leaves out", async () => {
    const types = { excluded_payment_method_types: ["us_bank_account" as const] };
    await expect(pay(stripe, "pm_usBankAccount_success", types)).rejects.toMatchObject({
      code: "payment_intent_incompatible_payment_method",
    });
  });
});

test("a charge can be annotated, and listed by its payment", async () => {
  const charge = await charged(stripe, "pm_card_visa");
  const updated = await stripe.charges.update(charge.id, {
    description: "Checked",
    fraud_details: { user_report: "fraudulent" },
    metadata: { by: "us" },
    receipt_email: "ada@example.com",
  });
  expect(updated).toMatchObject({ description: "Checked", fraud_details: { user_report: "fraudulent" } });
  const [event] = (await box.events()).slice(-1);
  expect(event).toMatchObject({
    type: "charge.updated",
    data: { previous_attributes: { description: null, receipt_email: null } },
  });
  const { data } = await stripe.charges.list({ payment_intent: String(charge.payment_intent) });
  expect(data.map(({ id }) => id)).toEqual([charge.id]);
});
