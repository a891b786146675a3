import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
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

const draft = (amounts: number[], params: Partial<Stripe.InvoiceCreateParams> = {}) =>
  draftOf(box, customer.id, amounts, params);

describe("a draft", () => {
  test("says what it comes to, and has no number, page or payment yet", async () => {
    const invoice = await draft([1200, 300], { description: "Work", metadata: { job: "1" } });
    expect(invoice).toMatchObject({
      status: "draft",
      total: 1500,
      amount_due: 1500,
      number: null,
      hosted_invoice_url: null,
      billing_reason: "manual",
      parent: null,
      auto_advance: false,
      automatically_finalizes_at: null,
      description: "Work",
      metadata: { job: "1" },
    });
    expect(await intentOf(box, invoice.id)).toBeUndefined();
  });

  test("is opened by finalizing: number, page and a payment intent for what is due", async () => {
    const { id } = await draft([1500]);
    const before = (await box.eventTypes()).length;
    const invoice = await box.stripe.invoices.finalizeInvoice(id, { expand: ["confirmation_secret"] });
    expect(invoice).toMatchObject({ status: "open", amount_remaining: 1500, attempted: false });
    expect(invoice.number).toMatch(/^[A-Z0-9]{8}-0001$/);
    expect(invoice.hosted_invoice_url).toContain(id);
    const intent = await intentOf(box, id);
    expect(intent).toMatchObject({ amount: 1500, status: "requires_payment_method" });
    expect(invoice.confirmation_secret?.client_secret).toBe(intent!.client_secret);
    expect(await typesSince(box, before)).toEqual(["invoice.finalized", "payment_intent.created"]);
  });

  test("can be changed in everything until then", async () => {
    const { id } = await draft([1000]);
    const changed = await box.stripe.invoices.update(id, {
      collection_method: "send_invoice",
      days_until_due: 10,
      footer: "Thanks",
      custom_fields: [{ name: "PO", value: "1" }],
    });
    expect(changed).toMatchObject({
      collection_method: "send_invoice",
      due_date: changed.created + 10 * DAY_SECONDS,
      footer: "Thanks",
    });
    await box.stripe.invoices.finalizeInvoice(id);
    await expect(box.stripe.invoices.update(id, { footer: "No" })).rejects.toMatchObject({
      code: "invoice_not_editable",
    });
    expect(await box.stripe.invoices.update(id, { metadata: { a: "b" } })).toMatchObject({
      footer: "Thanks",
      metadata: { a: "b" },
    });
  });

  test("can be deleted, with its items; what is finalized cannot", async () => {
    const invoice = await draft([1000]);
    const before = (await box.eventTypes()).length;
    expect(await box.stripe.invoices.del(invoice.id)).toEqual({
      id: invoice.id,
      object: "invoice",
      deleted: true,
    });
    expect(await typesSince(box, before)).toEqual(["invoiceitem.deleted", "invoice.deleted"]);
    await expect(box.stripe.invoices.retrieve(invoice.id)).rejects.toMatchObject({ statusCode: 404 });
    expect((await box.stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([]);
    const { id } = await box.stripe.invoices.finalizeInvoice((await draft([1000])).id);
    await expect(box.stripe.invoices.del(id)).rejects.toMatchObject({ statusCode: 400 });
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("open");
  });

  test("with auto_advance is finalized and charged an hour later, each at its moment", async () => {
    const invoice = await draft([1000], { auto_advance: true });
    expect(invoice.automatically_finalizes_at).toBe(invoice.created + 3600);
    await box.advance({ seconds: 3500 });
    expect((await box.stripe.invoices.retrieve(invoice.id)).status).toBe("draft");
    const before = (await box.eventTypes()).length;
    await box.advance({ seconds: 200 });
    expect(await box.stripe.invoices.retrieve(invoice.id)).toMatchObject({
      status: "paid",
      automatically_finalizes_at: null,
      attempt_count: 1,
      status_transitions: { finalized_at: invoice.created + 3600, paid_at: invoice.created + 3600 },
    });
    expect(await typesSince(box, before)).toEqual([
      "invoice.finalized",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
    ]);
  });

  test("can be finalized at a time of one's choosing", async () => {
    const at = Math.floor(Date.now() / 1000) + DAY_SECONDS;
    const { id } = await draft([1000], { automatically_finalizes_at: at, auto_advance: true });
    await box.advance({ hours: 23 });
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("draft");
    await box.advance({ hours: 2 });
    expect((await box.stripe.invoices.retrieve(id)).status_transitions.finalized_at).toBe(at);
  });

  test("is charged an hour after it was finalized by hand with auto_advance", async () => {
    const { id } = await draft([1000]);
    const open = await box.stripe.invoices.finalizeInvoice(id, { auto_advance: true });
    expect(open.next_payment_attempt).toBe(open.status_transitions.finalized_at! + 3600);
    await box.advance({ hours: 2 });
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("paid");
  });

  test("stays one when its customer is deleted, and what was pending is gone", async () => {
    const { id } = await draft([1000], { auto_advance: true });
    const item = await box.stripe.invoiceItems.create({
      customer: customer.id,
      amount: 100,
      currency: "usd",
    });
    await box.stripe.customers.del(customer.id);
    await box.advance({ hours: 2 });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      status: "draft",
      auto_advance: false,
      automatically_finalizes_at: null,
    });
    await expect(box.stripe.invoiceItems.retrieve(item.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  test("over nothing is paid when it is finalized", async () => {
    const paid = await box.stripe.invoices.finalizeInvoice((await draft([500, -500])).id);
    expect(paid).toMatchObject({ status: "paid", amount_due: 0, amount_paid: 0, total: 0 });
    expect(await intentOf(box, paid.id)).toBeUndefined();
  });

  test("under the minimum charge is paid, and owed with the next invoice", async () => {
    const small = await box.stripe.invoices.finalizeInvoice((await draft([49])).id);
    expect(small).toMatchObject({
      status: "paid",
      amount_due: 0,
      starting_balance: 0,
      ending_balance: 49,
    });
    expect((await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer).toMatchObject({
      balance: 49,
    });
    const [movement] = (await box.stripe.customers.listBalanceTransactions(customer.id)).data;
    expect(movement).toMatchObject({ type: "invoice_too_small", amount: 49, invoice: small.id });
    const next = await box.stripe.invoices.finalizeInvoice((await draft([1000])).id);
    expect(next).toMatchObject({ amount_due: 1049, starting_balance: 49, ending_balance: 0 });
    expect((await intentOf(box, next.id))!.amount).toBe(1049);
  });

  test.each([
    ["nobody to bill", {}, "customer"],
    ["an unknown customer", { customer: "cus_none" }, "customer"],
    ["a due date where it is charged", { due_date: 4_000_000_000 }, "due_date"],
    ["a due date in the past", { collection_method: "send_invoice", due_date: 1000 }, "due_date"],
    ["a method that is not the customer's", { default_payment_method: "pm_none" }, "default_payment_method"],
  ])("is refused for %s", async (_what, params, param) => {
    const given =
      "customer" in params || param === "customer" ? params : { customer: customer.id, ...params };
    await expect(box.stripe.invoices.create(given as Stripe.InvoiceCreateParams)).rejects.toMatchObject({
      statusCode: 400,
      param,
    });
    expect((await box.stripe.invoices.list()).data).toEqual([]);
  });
});

describe("lines", () => {
  test("are added, changed and taken away while the invoice is a draft", async () => {
    const invoice = await draft([1000, 2000]);
    const [first, second] = invoice.lines.data;
    expect(
      await box.stripe.invoices.updateLines(invoice.id, {
        lines: [{ id: first!.id, amount: 1100, description: "More" }],
        invoice_metadata: { a: "1" },
      }),
    ).toMatchObject({ total: 3100, metadata: { a: "1" } });
    const line = await box.stripe.invoices.updateLineItem(invoice.id, first!.id, { amount: 1200 });
    expect(line).toMatchObject({ id: first!.id, amount: 1200, description: "More" });
    const left = await box.stripe.invoices.removeLines(invoice.id, {
      lines: [{ id: second!.id, behavior: "unassign" }],
    });
    expect(left).toMatchObject({ total: 1200, lines: { data: [{ id: first!.id }] } });
    const pending = (await box.stripe.invoiceItems.list({ customer: customer.id, pending: true })).data;
    expect(pending).toMatchObject([{ amount: 2000, invoice: null }]);
    const back = await box.stripe.invoices.addLines(invoice.id, {
      lines: [{ invoice_item: pending[0]!.id }],
    });
    expect(back.total).toBe(3200);
  });

  test("of a finalized invoice stay as they are", async () => {
    const { id, lines } = await box.stripe.invoices.finalizeInvoice((await draft([1000])).id);
    const line = lines.data[0]!.id;
    const refusal = { statusCode: 400, code: "invoice_not_editable" };
    const { invoices, invoiceItems } = box.stripe;
    await expect(invoices.addLines(id, { lines: [{ amount: 1 }] })).rejects.toMatchObject(refusal);
    await expect(invoices.updateLineItem(id, line, { amount: 1 })).rejects.toMatchObject(refusal);
    await expect(
      invoices.removeLines(id, { lines: [{ id: line, behavior: "delete" }] }),
    ).rejects.toMatchObject(refusal);
    const [item] = (await invoiceItems.list({ invoice: id })).data;
    await expect(invoiceItems.update(item!.id, { amount: 1 })).rejects.toMatchObject(refusal);
    await expect(invoiceItems.del(item!.id)).rejects.toMatchObject(refusal);
    expect((await invoices.retrieve(id)).total).toBe(1000);
  });
});
