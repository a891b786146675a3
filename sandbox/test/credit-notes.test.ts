import type Stripe from "stripe";
import { draftOf, intentOf, typesSince } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const draft = (...amounts: number[]) => draftOf(box, customer.id, amounts);
const open = async (...amounts: number[]) =>
  box.stripe.invoices.finalizeInvoice((await draft(...amounts)).id);
const paid = async (...amounts: number[]) => box.stripe.invoices.pay((await draft(...amounts)).id);
const credit = (invoice: string, params: Partial<Stripe.CreditNoteCreateParams>) =>
  box.stripe.creditNotes.create({ invoice, ...params });
const balance = async () => ((await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer).balance;

describe("before it is paid", () => {
  test("a credit note lowers what is due, and what its payment intent takes", async () => {
    const invoice = await open(3000);
    const before = (await box.eventTypes()).length;
    const note = await credit(invoice.id, { amount: 1000, reason: "order_change", memo: "Sorry" });
    expect(note).toMatchObject({
      amount: 1000,
      type: "pre_payment",
      pre_payment_amount: 1000,
      post_payment_amount: 0,
      number: `${invoice.number}-CN-01`,
      status: "issued",
      customer: customer.id,
      refunds: [],
    });
    expect(await typesSince(box, before)).toEqual(["invoice.updated", "credit_note.created"]);
    expect(await box.stripe.invoices.retrieve(invoice.id)).toMatchObject({
      total: 3000,
      amount_due: 2000,
      amount_remaining: 2000,
      pre_payment_credit_notes_amount: 1000,
    });
    expect((await intentOf(box, invoice.id))!.amount).toBe(2000);
    await box.stripe.invoices.pay(invoice.id);
    const [charge] = (await box.stripe.charges.list({ customer: customer.id })).data;
    expect(charge!.amount).toBe(2000);
  });

  test("credit notes over all of it make it paid, without a charge", async () => {
    const { id } = await open(3000);
    await credit(id, { amount: 1000 });
    await credit(id, { amount: 2000 });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      status: "paid",
      amount_paid: 0,
      amount_remaining: 0,
    });
    expect((await intentOf(box, id))!.status).toBe("canceled");
    expect((await box.stripe.charges.list()).data).toEqual([]);
  });

  test("a credit note can be voided: all is due again", async () => {
    const { id } = await open(3000);
    const note = await credit(id, { amount: 1000 });
    expect(await box.stripe.creditNotes.voidCreditNote(note.id)).toMatchObject({ status: "void" });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      amount_remaining: 3000,
      pre_payment_credit_notes_amount: 0,
    });
    expect((await intentOf(box, id))!.amount).toBe(3000);
    await expect(box.stripe.creditNotes.voidCreditNote(note.id)).rejects.toMatchObject({ statusCode: 400 });
  });
});

describe("after it was paid", () => {
  test("a credit note refunds, gives credit, or says what was given back elsewhere", async () => {
    const { id } = await paid(3000);
    const before = (await box.eventTypes()).length;
    const note = await credit(id, {
      amount: 2000,
      refund_amount: 1200,
      credit_amount: 500,
      out_of_band_amount: 300,
    });
    expect(note).toMatchObject({
      type: "post_payment",
      post_payment_amount: 2000,
      out_of_band_amount: 300,
      refunds: [{ amount_refunded: 1200, type: "refund" }],
    });
    expect(await typesSince(box, before)).toEqual([
      "refund.created",
      "charge.refunded",
      "customer.updated",
      "invoice.updated",
      "credit_note.created",
    ]);
    expect(await balance()).toBe(-500);
    expect(await box.stripe.customers.listBalanceTransactions(customer.id)).toMatchObject({
      data: [
        { id: note.customer_balance_transaction, type: "credit_note", amount: -500, credit_note: note.id },
      ],
    });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      status: "paid",
      amount_paid: 3000,
      post_payment_credit_notes_amount: 2000,
    });
    await expect(box.stripe.creditNotes.voidCreditNote(note.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("the credit given pays the next invoice", async () => {
    const { id } = await paid(3000);
    await credit(id, { amount: 3000, credit_amount: 3000 });
    expect(await open(1000)).toMatchObject({ status: "paid", amount_due: 0, ending_balance: -2000 });
    expect(await balance()).toBe(-2000);
  });

  test("an invoice that credit had paid gives it back", async () => {
    await box.stripe.customers.createBalanceTransaction(customer.id, { amount: -5000, currency: "usd" });
    const { id } = await open(3000);
    expect(await balance()).toBe(-2000);
    await credit(id, { amount: 3000, credit_amount: 3000 });
    expect(await balance()).toBe(-5000);
  });

  test("refunds that were made already can be what it stands for, and count only once", async () => {
    const { id } = await paid(3000);
    const refund = await box.stripe.refunds.create({
      payment_intent: (await intentOf(box, id))!.id,
      amount: 1000,
    });
    await expect(credit(id, { amount: 2500, credit_amount: 2500 })).rejects.toMatchObject({
      param: "amount",
    });
    const note = await credit(id, { amount: 1000, refunds: [{ refund: refund.id }] });
    expect(note.refunds).toMatchObject([{ refund: refund.id, amount_refunded: 1000 }]);
    await credit(id, { amount: 2000, refund_amount: 2000 });
    await expect(credit(id, { amount: 1, credit_amount: 1 })).rejects.toMatchObject({ param: "amount" });
    const [charge] = (await box.stripe.charges.list({ customer: customer.id })).data;
    expect(charge).toMatchObject({ amount_refunded: 3000, refunded: true });
  });
});

describe("by lines", () => {
  test("a line is credited with its part of the discounts", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 20 });
    const invoice = await box.stripe.invoices.pay(
      (await draftOf(box, customer.id, [1000, 500], { discounts: [{ coupon: coupon.id }] })).id,
    );
    const line = invoice.lines.data[0]!.id;
    const part = await credit(invoice.id, {
      lines: [{ type: "invoice_line_item", invoice_line_item: line, amount: 500 }],
      credit_amount: 400,
    });
    expect(part).toMatchObject({ subtotal: 500, discount_amount: 100, amount: 400, total: 400 });
    const refusal = { statusCode: 400, param: "lines" };
    const more = { type: "invoice_line_item" as const, invoice_line_item: line, amount: 501 };
    await expect(credit(invoice.id, { lines: [more], credit_amount: 400 })).rejects.toMatchObject(refusal);
    const rest = await credit(invoice.id, {
      lines: [
        { type: "invoice_line_item", invoice_line_item: line },
        { type: "custom_line_item", description: "Trouble", unit_amount: 25, quantity: 4 },
      ],
      credit_amount: 500,
    });
    expect(rest.amount).toBe(500);
    expect((await box.stripe.creditNotes.listLineItems(rest.id)).data).toMatchObject([
      { amount: 500, discount_amount: 100, invoice_line_item: line },
      { amount: 100, quantity: 4, unit_amount: 25, type: "custom_line_item" },
    ]);
  });
});

test("a credit note's pdf can be fetched; there is none of an unknown one", async () => {
  const { id } = await paid(3000);
  const note = await credit(id, { amount: 1000, credit_amount: 1000 });
  const response = await fetch(note.pdf);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/pdf"]);
  expect(await response.text()).toContain(note.number);
  expect((await fetch(note.pdf.replace(note.id, "cn_none"))).status).toBe(404);
});

test("a preview is what the note then is, and changes nothing", async () => {
  const { id } = await paid(3000);
  const params = { invoice: id, amount: 700, refund_amount: 700 };
  const count = (await box.eventTypes()).length;
  const seen = await box.stripe.creditNotes.preview(params);
  expect(await typesSince(box, count)).toEqual([]);
  expect((await box.stripe.refunds.list()).data).toEqual([]);
  const note = await box.stripe.creditNotes.create(params);
  expect(note).toMatchObject({ amount: seen.amount, number: seen.number, type: seen.type });
});

test.each<[string, Partial<Stripe.CreditNoteCreateParams>]>([
  ["no amount", { credit_amount: 100 }],
  ["nothing", { amount: 0 }],
  ["more than the invoice", { amount: 3001, credit_amount: 3001 }],
  ["money that goes nowhere", { amount: 1000 }],
  ["money that goes twice", { amount: 1000, credit_amount: 1000, refund_amount: 1000 }],
  ["an unknown refund", { amount: 1000, refunds: [{ refund: "re_none" }] }],
  ["an unknown line", { lines: [{ type: "invoice_line_item", invoice_line_item: "il_none" }] }],
  ["a line that is neither", { lines: [{ type: "custom_line_item", amount: 5 }] }],
])("is refused for %s, and nothing is given back", async (_what, params) => {
  const { id } = await paid(3000);
  await expect(credit(id, params)).rejects.toMatchObject({ statusCode: 400 });
  expect((await box.stripe.creditNotes.list({ invoice: id })).data).toEqual([]);
  expect((await box.stripe.refunds.list()).data).toEqual([]);
  expect(await balance()).toBe(0);
});

test("drafts and void invoices cannot be credited", async () => {
  const { id } = await draft(3000);
  await expect(credit(id, { amount: 100 })).rejects.toMatchObject({ param: "invoice" });
  await box.stripe.invoices.finalizeInvoice(id);
  await box.stripe.invoices.voidInvoice(id);
  await expect(credit(id, { amount: 100 })).rejects.toMatchObject({ param: "invoice" });
});
