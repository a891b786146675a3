import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { pay } from "./support/payments.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, priceOf } from "./support/subscribing.ts";

// What can be charged: neither too little nor too much, and in some currencies only round amounts.

jest.setTimeout(20_000);

const MOST = 99_999_999;
let box: TestSandbox;
let stripe: Stripe;
let customer: string;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  customer = (await payer(box)).id;
});
afterEach(() => box.close());

const session = (unit_amount: number) =>
  stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [
      { price_data: { currency: "usd", unit_amount, product_data: { name: "House" } }, quantity: 2 },
    ],
    success_url: "https://shop.test/done",
  });

test("a payment of more than eight digits is refused", async () => {
  const tooLarge = { statusCode: 400, code: "amount_too_large" };
  await expect(pay(stripe, "pm_card_visa", { amount: MOST + 1 })).rejects.toMatchObject(tooLarge);
  await expect(session(MOST)).rejects.toMatchObject(tooLarge);
});

test("an invoice of more cannot be finalized, and says why", async () => {
  const draft = await draftOf(box, customer, [MOST, 1]);
  for (const act of [stripe.invoices.finalizeInvoice, stripe.invoices.pay])
    await expect(act.call(stripe.invoices, draft.id)).rejects.toMatchObject({ code: "amount_too_large" });
  expect(await stripe.invoices.retrieve(draft.id)).toMatchObject({
    status: "draft",
    number: null,
    last_finalization_error: { code: "amount_too_large", type: "invalid_request_error" },
  });
  expect(await box.eventTypes()).toContain("invoice.finalization_failed");
});

test("a renewal of more stays a draft, and what is due besides goes on", async () => {
  const { id } = await stripe.subscriptions.create({
    customer,
    items: [{ price: (await premium(stripe)).id }],
  });
  await stripe.invoiceItems.create({ customer, subscription: id, currency: "usd", amount: MOST });
  await box.advance({ days: 32 });
  const failed = await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
  expect(failed).toMatchObject({ status: "active", latest_invoice: { status: "draft" } });
  await box.advance({ days: 31 });
  const renewed = await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
  expect(renewed).toMatchObject({ latest_invoice: { status: "paid", total: 3900 } });
});

test.each([
  ["isk", 300_000, 100],
  ["kwd", 30_010, 10],
])("in %s whatever is billed can be charged", async (currency, unit_amount, step) => {
  const price = await priceOf(box, unit_amount, { currency });
  const coupon = await stripe.coupons.create({ percent_off: 33.33, duration: "forever" });
  const { id, items } = await stripe.subscriptions.create({
    customer,
    currency,
    items: [{ price: price.id }],
    discounts: [{ coupon: coupon.id }],
  });
  await box.advance({ days: 7, seconds: 12_345 });
  await stripe.subscriptions.update(id, {
    items: [{ id: items.data[0]!.id, quantity: 3 }],
    proration_behavior: "always_invoice",
    payment_behavior: "error_if_incomplete",
  });
  await box.advance({ days: 40 });
  const invoices = (await stripe.invoices.list({ customer })).data;
  expect(invoices.map(({ status }) => status)).toEqual(["paid", "paid", "paid"]);
  expect(invoices.filter(({ amount_paid }) => amount_paid === 0 || amount_paid % step !== 0)).toEqual([]);
});

test("what cannot be charged of an invoice in such a currency is owed with the next", async () => {
  await stripe.invoiceItems.create({
    customer,
    currency: "isk",
    unit_amount_decimal: "123456" as never,
  });
  const draft = await stripe.invoices.create({
    customer,
    currency: "isk",
    pending_invoice_items_behavior: "include",
  });
  const paid = await stripe.invoices.pay(draft.id);
  expect(paid).toMatchObject({ total: 123_456, amount_paid: 123_400, ending_balance: 56 });
});

test("a credit note that leaves too little to charge has it owed with the next invoice", async () => {
  const draft = await draftOf(box, customer, [3900]);
  await stripe.invoices.finalizeInvoice(draft.id);
  await stripe.creditNotes.create({ invoice: draft.id, amount: 3870 });
  expect(await stripe.invoices.retrieve(draft.id)).toMatchObject({
    status: "paid",
    amount_due: 0,
    amount_paid: 0,
    ending_balance: 30,
  });
  expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: 30 });
});
