import type Stripe from "stripe";
import { card, open, submit, textOf } from "./support/forms.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
let customer: Stripe.Customer;
beforeEach(async () => {
  box = await testSandbox();
  customer = await box.stripe.customers.create({ email: "ada@example.com" });
});
afterEach(() => box.close());

/** An open invoice of 25 dollars. */
async function invoiced(): Promise<Stripe.Invoice> {
  await box.stripe.invoiceItems.create({
    customer: customer.id,
    amount: 2500,
    currency: "usd",
    description: "Consulting",
  });
  const draft = await box.stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: "include",
    auto_advance: false,
  });
  return box.stripe.invoices.finalizeInvoice(draft.id!);
}
const status = async ({ id }: Stripe.Invoice) => (await box.stripe.invoices.retrieve(id!)).status;

test("an open invoice is paid with the card that is typed, once", async () => {
  const invoice = await invoiced();
  const page = await open(invoice.hosted_invoice_url!);
  expect(page.text).toContain("Consulting");
  expect(textOf(page, "status")).toBe("open");
  const paid = await submit(page, "pay", card("4242424242424242"));
  expect(textOf(paid, "status")).toBe("paid");
  expect(paid.text).not.toContain('id="pay"');
  expect(await status(invoice)).toBe("paid");
  // Sent twice, as by a page that is still open.
  await submit(page, "pay", card("4242424242424242"));
  expect((await box.stripe.charges.list()).data).toHaveLength(1);
});

test("a refusal is told beside the field, and another card pays", async () => {
  const invoice = await invoiced();
  const refused = await submit(await open(invoice.hosted_invoice_url!), "pay", card("4000000000009995"));
  expect(refused.status).toBe(402);
  expect(textOf(refused, "error")).toBe("Your card has insufficient funds.");
  expect(await status(invoice)).toBe("open");
  await submit(refused, "pay", card("4242424242424242"));
  expect(await status(invoice)).toBe("paid");
});

test("a card that asks its holder pays once they have answered", async () => {
  const invoice = await invoiced();
  const asked = await submit(await open(invoice.hosted_invoice_url!), "pay", card("4000002760003184"));
  const failed = await submit(asked, "authenticate-fail");
  expect(textOf(failed, "error")).toContain("not authenticated");
  const again = await submit(failed, "pay", card("4000002760003184"));
  expect(textOf(await submit(again, "authenticate-complete"), "status")).toBe("paid");
  expect(await status(invoice)).toBe("paid");
});

test("an invoice in arrears is paid on its page, and the subscription is active again", async () => {
  const price = await premium(box.stripe);
  const method = await box.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
  const { id } = await box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    default_payment_method: method.id,
  });
  const bad = await box.stripe.paymentMethods.attach("pm_card_chargeCustomerFail", { customer: customer.id });
  await box.stripe.subscriptions.update(id, { default_payment_method: bad.id });
  await box.advance({ days: 31, hours: 3 });
  expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("past_due");
  const [invoice] = (await box.stripe.invoices.list({ subscription: id, status: "open" })).data;
  const paid = await submit(await open(invoice!.hosted_invoice_url!), "pay", card("4242424242424242"));
  expect(textOf(paid, "status")).toBe("paid");
  expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("active");
});

test("a draft is nobody's to see, and a void invoice nobody's to pay", async () => {
  const draft = await box.stripe.invoices.create({ customer: customer.id, auto_advance: false });
  expect((await open(`${box.url}/i/${draft.id}`)).status).toBe(404);
  const invoice = await invoiced();
  const page = await open(invoice.hosted_invoice_url!);
  await box.stripe.invoices.voidInvoice(invoice.id!);
  expect(textOf(await submit(page, "pay", card("4242424242424242")), "status")).toBe("void");
  expect((await box.stripe.charges.list()).data).toEqual([]);
});
