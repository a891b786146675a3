import type Stripe from "stripe";
import { subscribe } from "../support/checkout.ts";
import { addCard, addMethod, newMethod } from "../support/methods.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { codeOf, newWallet, type Wallet } from "../support/wallet.ts";

// What becomes of a method that somebody adds. Choosing and removing: default-card, payment-methods.
let service: TestService;
let stripe: Stripe;
let wallet: Wallet;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  wallet = await newWallet(service);
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

test("the first method makes the customer, is charged by default, and is shown as it is", async () => {
  const { data, errors } = await addCard(service, wallet.token);
  expect(errors).toBeUndefined();
  expect(data.addPaymentMethod).toMatchObject({
    ...{ type: "card", brand: "visa", last4: "4242", expMonth: 12, isDefault: true },
  });
  expect(await wallet.shown()).toEqual([data.addPaymentMethod]);
  expect((await wallet.atStripe()).default).toBe(await wallet.stripeIdOf(data.addPaymentMethod.id));
});

test("another one is charged only when that is said", async () => {
  await addCard(service, wallet.token);
  const second = await addCard(service, wallet.token, "tok_mastercard");
  expect(second.data.addPaymentMethod.isDefault).toBe(false);
  expect(await wallet.brands()).toEqual(["mastercard", "visa*"]);
  const third = await addCard(service, wallet.token, "tok_amex", { setDefault: true });
  expect(third.data.addPaymentMethod.isDefault).toBe(true);
  expect(await wallet.brands()).toEqual(["amex*", "mastercard", "visa"]);
});

test("a subscriber's new default is charged for the subscription too, another one is not", async () => {
  await subscribe(service, wallet.token);
  const { ofSubscription: paidWith } = await wallet.atStripe();
  expect(paidWith).toBeTruthy();
  await addCard(service, wallet.token, "tok_mastercard");
  expect((await wallet.atStripe()).ofSubscription).toBe(paidWith);
  const { data } = await addCard(service, wallet.token, "tok_amex", { setDefault: true });
  const amex = await wallet.stripeIdOf(data.addPaymentMethod.id);
  expect(await wallet.atStripe()).toMatchObject({ default: amex, ofSubscription: amex });
});

test("a card that is declined is PAYMENT_DECLINED with its code, and nothing is stored", async () => {
  const declined = await addCard(service, wallet.token, "tok_chargeDeclinedInsufficientFunds");
  expect(declined.errors?.[0]).toMatchObject({
    message: expect.stringContaining("insufficient funds"),
    extensions: { code: "PAYMENT_DECLINED", declineCode: "insufficient_funds" },
  });
  const stolen = await addCard(service, wallet.token, "tok_chargeDeclinedStolenCard");
  expect(stolen.errors?.[0]?.extensions).toEqual({
    code: "PAYMENT_DECLINED",
    declineCode: "generic_decline",
  });
  expect(await wallet.shown()).toEqual([]);
  expect((await wallet.atStripe()).all).toEqual([]);
});

test("who joined an attempt that is declined is told the same, with the same code", async () => {
  await addCard(service, wallet.token);
  const method = await newMethod(service, "tok_chargeDeclinedExpiredCard");
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/payment_methods/*/attach", times: 1, delayMs: 500 }],
  });
  const answers = await Promise.all([1, 2].map(() => addMethod(service, wallet.token, method)));
  for (const { errors } of answers)
    expect(errors?.[0]).toMatchObject({
      message: expect.stringContaining("expired"),
      extensions: { code: "PAYMENT_DECLINED", declineCode: "expired_card" },
    });
  expect(await wallet.rows("select 1 from intents where user_id = ? and state = 'FAILED'")).toHaveLength(1);
});

test.each([
  ["unknown", async () => "pm_1NobodyHasEverSeenThis"],
  ["malformed", async () => "card number 4242"],
  ["empty", async () => ""],
  [
    "somebody else's",
    async () => {
      const other = await service.token(newUser());
      const method = await newMethod(service);
      await addMethod(service, other, method);
      return method;
    },
  ],
  [
    "spent: it was detached",
    async () => {
      const { id: customer } = await stripe.customers.create();
      const { id } = await stripe.paymentMethods.attach("pm_card_visa", { customer });
      await stripe.paymentMethods.detach(id);
      return id;
    },
  ],
])("a method that is %s is BAD_USER_INPUT at its field, and changes nothing", async (what, make) => {
  const { errors } = await addMethod(service, wallet.token, await make());
  expect(errors?.[0]?.extensions).toEqual({
    ...{ code: "BAD_USER_INPUT", field: "input.stripePaymentMethodId" },
  });
  expect(await wallet.shown()).toEqual([]);
  // one that is found to be spent is found when it is attached
  const customers = await wallet.rows("select 1 from customers where user_id = ?");
  expect(customers).toHaveLength(what.startsWith("spent") ? 1 : 0);
});

test("the same key gives the first answer again, another input is CONFLICT", async () => {
  const method = await newMethod(service);
  const first = await addMethod(service, wallet.token, method, { idempotencyKey: "k" });
  expect(await addMethod(service, wallet.token, method, { idempotencyKey: "k" })).toEqual(first);
  const other = await addMethod(service, wallet.token, await newMethod(service), { idempotencyKey: "k" });
  expect(codeOf(other)).toBe("CONFLICT");
  expect(await wallet.shown()).toHaveLength(1);
});

test("what is added again is there once", async () => {
  const method = await newMethod(service);
  const [first, second] = [
    await addMethod(service, wallet.token, method),
    await addMethod(service, wallet.token, method),
  ];
  expect(second.data).toEqual(first.data);
  expect(await wallet.shown()).toHaveLength(1);
});

test("a customer who was deleted at Stripe gets another one", async () => {
  await addCard(service, wallet.token);
  const before = await customerOf(service, wallet.userId);
  await setFaults(service, { webhooks: { drop: 1 } });
  await stripe.customers.del(before);
  const { data } = await addCard(service, wallet.token, "tok_mastercard");
  expect(data.addPaymentMethod).toMatchObject({ brand: "mastercard", isDefault: true });
  expect(await customerOf(service, wallet.userId)).not.toBe(before);
  expect(await wallet.brands()).toEqual(["mastercard*"]);
});

test.each([
  ["attached", "/v1/payment_methods/*/attach", "after"],
  ["not attached", "/v1/payment_methods/*/attach", "before"],
  ["made the default", "/v1/customers/*", "after"],
  ["not made the default", "/v1/customers/*", "before"],
])("an answer lost when it was %s is found out, and the rest follows", async (_name, path, when) => {
  await addCard(service, wallet.token);
  const method = await newMethod(service, "tok_mastercard");
  await setFaults(service, { calls: [{ method: "POST", path, status: "reset", when }] });
  const lost = await addMethod(service, wallet.token, method, { setDefault: true });
  expect(codeOf(lost)).toBe("PROVIDER_UNAVAILABLE");
  await setFaults(service, { reset: true });
  const found = await addMethod(service, wallet.token, method, { setDefault: true });
  expect(found.data.addPaymentMethod).toMatchObject({ brand: "mastercard", isDefault: true });
  expect(await wallet.brands()).toEqual(["mastercard*", "visa"]);
  expect((await wallet.atStripe()).all).toHaveLength(2);
});
