import type { TestSandbox } from "../support/sandbox.ts";

/** Invoices made by hand: items, drafts, payment, and every other end. */
export async function invoices({ stripe }: TestSandbox): Promise<void> {
  const customer = await stripe.customers.create({
    email: "bill@example.com",
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
  const { id } = customer;
  const item = await stripe.invoiceItems.create({
    customer: id,
    amount: 2500,
    currency: "usd",
    description: "Setup",
    metadata: { part: "1" },
  });
  await stripe.invoiceItems.update(item.id, { amount: 2600, description: "Set-up" });
  await stripe.invoiceItems.retrieve(item.id, { expand: ["customer"] });
  await stripe.invoiceItems.list({ customer: id, pending: true });
  await stripe.invoices.createPreview({
    customer: id,
    invoice_items: [{ amount: 100, currency: "usd", description: "More" }],
  });
  const draft = await stripe.invoices.create({
    customer: id,
    pending_invoice_items_behavior: "include",
    auto_advance: true,
    description: "Work",
    footer: "Thanks",
    custom_fields: [{ name: "PO", value: "7" }],
    metadata: { order: "7" },
  });
  const spare = await stripe.invoiceItems.create({
    customer: id,
    invoice: draft.id!,
    unit_amount_decimal: "12.5" as never,
    quantity: 3,
    currency: "usd",
  });
  await stripe.invoiceItems.del(spare.id);
  await stripe.invoices.update(draft.id!, { description: "More work", auto_advance: false });
  await stripe.invoices.finalizeInvoice(draft.id!);
  await stripe.invoices.pay(draft.id!, { expand: ["payments.data.payment.payment_intent"] });

  const send = { customer: id, collection_method: "send_invoice", days_until_due: 14 } as const;
  const sent = await stripe.invoices.create(send);
  await stripe.invoiceItems.create({ customer: id, invoice: sent.id!, amount: 900, currency: "usd" });
  await stripe.invoices.sendInvoice(sent.id!);
  await stripe.invoices.markUncollectible(sent.id!);
  await stripe.invoices.voidInvoice(sent.id!);
  const outside = await stripe.invoices.create(send);
  await stripe.invoiceItems.create({ customer: id, invoice: outside.id!, amount: 900, currency: "usd" });
  await stripe.invoices.pay(outside.id!, { paid_out_of_band: true });
  const credit = await stripe.customers.createBalanceTransaction(id, { amount: -500, currency: "usd" });
  await stripe.customers.updateBalanceTransaction(id, credit.id, { description: "Goodwill" });
  await stripe.customers.retrieveBalanceTransaction(id, credit.id, { expand: ["customer"] });
  await stripe.customers.listBalanceTransactions(id, { limit: 2 });
  await stripe.customers.retrieve(id, { expand: ["invoice_credit_balance"] });
  const lines = await stripe.invoices.create({ customer: id });
  const added = await stripe.invoices.addLines(lines.id!, {
    lines: [
      { amount: 700, description: "Hour" },
      { amount: 800, description: "Other hour" },
    ],
    invoice_metadata: { job: "2" },
  });
  const [first, second] = added.lines.data;
  await stripe.invoices.updateLines(lines.id!, { lines: [{ id: first!.id, amount: 750 }] });
  await stripe.invoices.updateLineItem(lines.id!, first!.id, { description: "Long hour" });
  await stripe.invoices.removeLines(lines.id!, { lines: [{ id: second!.id, behavior: "delete" }] });
  const unwanted = await stripe.invoices.create({ customer: id });
  await stripe.invoices.del(unwanted.id!);
  await stripe.invoices.list({ customer: id, due_date: { gt: 0 }, expand: ["data.customer"] });
}
