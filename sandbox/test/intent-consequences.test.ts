import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { RETURN } from "./support/payments.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

/** A subscription that waits for the first payment, to be made in the customer's browser. */
async function incomplete(): Promise<{ subscription: string; invoice: string; intent: string }> {
  const customer = await stripe.customers.create({ email: "ada@example.com" });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: (await premium(stripe)).id }],
    payment_behavior: "default_incomplete",
    payment_settings: { save_default_payment_method: "on_subscription" },
    expand: ["latest_invoice.payments"],
  });
  const invoice = subscription.latest_invoice as Stripe.Invoice;
  const intent = String(invoice.payments!.data[0]!.payment.payment_intent);
  return { subscription: subscription.id, invoice: invoice.id!, intent };
}

const confirm = (intent: string, payment_method: string) =>
  stripe.paymentIntents.confirm(intent, { payment_method, return_url: RETURN });

const statuses = async ({ subscription, invoice }: { subscription: string; invoice: string }) => [
  (await stripe.subscriptions.retrieve(subscription)).status,
  (await stripe.invoices.retrieve(invoice)).status,
];

test("a confirmed first payment pays the invoice and starts the subscription, once", async () => {
  const waiting = await incomplete();
  expect(await statuses(waiting)).toEqual(["incomplete", "open"]);
  await confirm(waiting.intent, "pm_card_visa");
  expect(await statuses(waiting)).toEqual(["active", "paid"]);
  await expect(confirm(waiting.intent, "pm_card_visa")).rejects.toMatchObject({
    code: "payment_intent_unexpected_state",
  });
  expect((await stripe.charges.list()).data).toHaveLength(1);
});

test("a declined one is told of the invoice, and another card goes on", async () => {
  const waiting = await incomplete();
  await expect(confirm(waiting.intent, "pm_card_chargeDeclined")).rejects.toMatchObject({ statusCode: 402 });
  expect(await statuses(waiting)).toEqual(["incomplete", "open"]);
  expect(await box.eventTypes()).toContain("invoice.payment_failed");
  await confirm(waiting.intent, "pm_card_visa");
  expect(await statuses(waiting)).toEqual(["active", "paid"]);
});

test.each([
  ["succeed", ["active", "paid"]],
  ["fail", ["incomplete", "open"]],
])("the holder's answer (%s) reaches the subscription", async (outcome, expected) => {
  const waiting = await incomplete();
  const asked = await confirm(waiting.intent, "pm_card_authenticationRequired");
  expect(asked.status).toBe("requires_action");
  expect(await box.eventTypes()).toContain("invoice.payment_action_required");
  await box.control(`/payment_intents/${waiting.intent}/authenticate`, { outcome });
  expect(await statuses(waiting)).toEqual(expected);
});

test.each([
  ["pm_usBankAccount_success", ["active", "paid"]],
  ["pm_usBankAccount_insufficientFunds", ["past_due", "open"]],
])("the bank's answer (%s) reaches the subscription when it comes", async (token, expected) => {
  const waiting = await incomplete();
  expect((await confirm(waiting.intent, token)).status).toBe("processing");
  expect(await statuses(waiting)).toEqual(["active", "open"]);
  await box.advance({ seconds: 10 });
  expect(await statuses(waiting)).toEqual(expected);
});
