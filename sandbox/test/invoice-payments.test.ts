import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

// An invoice and the payment intent that is to pay it: what one is for, the other takes.

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

/** An open invoice over 39.00 USD, and the intent that pays it. */
async function open(customer: string): Promise<{ invoice: Stripe.Invoice; intent: string }> {
  const draft = await draftOf(box, customer, [3900]);
  const invoice = await stripe.invoices.finalizeInvoice(draft.id, { expand: ["payments"] });
  return { invoice, intent: String(invoice.payments!.data[0]!.payment.payment_intent) };
}

test.each([
  ["amount", { amount: 50 }],
  ["currency", { currency: "eur" }],
  ["capture_method", { capture_method: "manual" as const }],
])("the %s of an intent that pays an invoice is the invoice's", async (param, change) => {
  const { id } = await payer(box);
  const { intent } = await open(id);
  const before = await stripe.paymentIntents.retrieve(intent);
  await expect(stripe.paymentIntents.update(intent, change)).rejects.toMatchObject({
    statusCode: 400,
    param,
  });
  expect(await stripe.paymentIntents.retrieve(intent)).toEqual(before);
  await stripe.paymentIntents.update(intent, { metadata: { order: "7" } });
});

test("the customer of an intent that pays an invoice is the invoice's", async () => {
  const { intent } = await open((await payer(box)).id);
  const { id: customer } = await payer(box);
  await expect(stripe.paymentIntents.update(intent, { customer })).rejects.toMatchObject({
    statusCode: 400,
    param: "customer",
  });
});

test("the amount of an intent of a Checkout session is the session's", async () => {
  const session = await stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [
      { price_data: { currency: "usd", unit_amount: 3900, product_data: { name: "Book" } }, quantity: 1 },
    ],
    success_url: "https://shop.test/done",
  });
  await box.complete(session.id, "pm_card_chargeCustomerFail");
  const [intent] = (await stripe.paymentIntents.list()).data;
  await expect(stripe.paymentIntents.update(intent!.id, { amount: 50 })).rejects.toMatchObject({
    statusCode: 400,
    param: "amount",
  });
});

test("an invoice of a Checkout session is for what was captured", async () => {
  const session = await stripe.checkout.sessions.create({
    mode: "payment",
    customer: (await payer(box)).id,
    line_items: [
      { price_data: { currency: "usd", unit_amount: 3900, product_data: { name: "Book" } }, quantity: 1 },
    ],
    invoice_creation: { enabled: true },
    payment_intent_data: { capture_method: "manual" },
    success_url: "https://shop.test/done",
  });
  const { body } = await box.complete(session.id, "pm_card_visa");
  await stripe.paymentIntents.capture(String(body.payment_intent), { amount_to_capture: 1000 });
  const [invoice] = (await stripe.invoices.list()).data;
  expect(invoice).toMatchObject({ status: "paid", total: 1000, amount_paid: 1000 });
});
