import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, useCard } from "./support/subscribing.ts";

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

describe("while a bank has the payment of an invoice under way", () => {
  let invoice: Stripe.Invoice;
  let intent: string;
  let customer: string;
  beforeEach(async () => {
    customer = (await payer(box, "pm_usBankAccount_processing")).id;
    ({ invoice, intent } = await open(customer));
    await stripe.creditNotes.create({ invoice: invoice.id, amount: 900 });
    await stripe.invoices.pay(invoice.id);
    expect((await stripe.paymentIntents.retrieve(intent)).status).toBe("processing");
  });

  test.each([
    ["voided", () => stripe.invoices.voidInvoice(invoice.id)],
    ["paid outside of Stripe", () => stripe.invoices.pay(invoice.id, { paid_out_of_band: true })],
    ["credited", () => stripe.creditNotes.create({ invoice: invoice.id, amount: 900 })],
    [
      "charged more again",
      async () => stripe.creditNotes.voidCreditNote((await stripe.creditNotes.list()).data[0]!.id),
    ],
    ["left without its payment", () => stripe.paymentIntents.cancel(intent)],
  ])("it cannot be %s", async (_, act) => {
    const before = await stripe.invoices.retrieve(invoice.id);
    await expect(act()).rejects.toMatchObject({ statusCode: 400 });
    expect(await stripe.invoices.retrieve(invoice.id)).toEqual(before);
    await box.control(`/payment_intents/${intent}/settle`, { outcome: "succeed" });
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({ status: "paid", amount_paid: 3000 });
  });
});

test("a change that a bank takes long to pay is waited for, and not replaced", async () => {
  const customer = await payer(box);
  const price = await premium(stripe);
  const { id, items } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
  });
  await useCard(box, customer.id, "pm_usBankAccount_processing");
  const change = {
    items: [{ id: items.data[0]!.id, quantity: 3 }],
    proration_behavior: "always_invoice" as const,
    payment_behavior: "pending_if_incomplete" as const,
  };
  await box.advance({ days: 1 });
  await stripe.subscriptions.update(id, change);
  await expect(stripe.subscriptions.update(id, change)).rejects.toMatchObject({ statusCode: 400 });
  await box.advance({ hours: 30 });
  const [intent] = (await stripe.paymentIntents.list()).data;
  await box.control(`/payment_intents/${intent!.id}/settle`, { outcome: "succeed" });
  expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
    pending_update: null,
    items: { data: [{ quantity: 3 }] },
  });
});

test("an invoice whose payment was canceled is paid by another", async () => {
  const { id: customer } = await payer(box);
  const { invoice, intent } = await open(customer);
  await stripe.paymentIntents.cancel(intent);
  const [payment] = (await stripe.invoicePayments.list({ invoice: invoice.id })).data;
  expect(payment).toMatchObject({ status: "canceled", status_transitions: { paid_at: null } });
  expect((await stripe.invoices.pay(invoice.id)).status).toBe("paid");
});

test("a renewal whose payment was canceled is tried again", async () => {
  const { id: customer } = await payer(box);
  const price = await premium(stripe);
  const { id } = await stripe.subscriptions.create({ customer, items: [{ price: price.id }] });
  await useCard(box, customer, "pm_card_chargeCustomerFail");
  await box.advance({ days: 32 });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("past_due");
  await stripe.paymentIntents.cancel((await stripe.paymentIntents.list()).data[0]!.id);
  await useCard(box, customer, "pm_card_visa");
  await box.advance({ days: 3 });
  expect(await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] })).toMatchObject({
    status: "active",
    latest_invoice: { status: "paid" },
  });
});

test("a payment of an invoice that was written off, refused, makes no arrears", async () => {
  const { id: customer } = await payer(box);
  const price = await premium(stripe);
  const { id } = await stripe.subscriptions.create({ customer, items: [{ price: price.id }] });
  await useCard(box, customer, "pm_card_chargeCustomerFail");
  await box.advance({ days: 32 });
  const { latest_invoice } = await stripe.subscriptions.retrieve(id);
  await stripe.invoices.markUncollectible(String(latest_invoice));
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
  await expect(stripe.invoices.pay(String(latest_invoice))).rejects.toMatchObject({ statusCode: 402 });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe("active");
});
