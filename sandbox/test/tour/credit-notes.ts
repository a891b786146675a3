import type { TestSandbox } from "../support/sandbox.ts";

/** Taking invoices back: before they are paid, and after. */
export async function creditNotes({ stripe }: TestSandbox): Promise<void> {
  const customer = await stripe.customers.create({
    email: "back@example.com",
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
  const draft = await stripe.invoices.create({ customer: customer.id, currency: "usd" });
  await stripe.invoices.addLines(draft.id!, {
    lines: [
      { amount: 3000, description: "One" },
      { amount: 2000, description: "Two" },
    ],
  });
  const open = await stripe.invoices.finalizeInvoice(draft.id!);
  const invoice = open.id!;
  const first = await stripe.creditNotes.create({
    invoice,
    amount: 500,
    reason: "order_change",
    memo: "Sorry",
  });
  await stripe.creditNotes.voidCreditNote(first.id);
  await stripe.invoices.pay(invoice);
  const wanted = {
    invoice,
    lines: [
      { type: "invoice_line_item" as const, invoice_line_item: open.lines.data[0]!.id, amount: 1000 },
      { type: "custom_line_item" as const, description: "Trouble", quantity: 2, unit_amount: 100 },
    ],
    refund_amount: 700,
    credit_amount: 400,
    out_of_band_amount: 100,
  };
  await stripe.creditNotes.preview(wanted);
  await stripe.creditNotes.listPreviewLineItems({ ...wanted, limit: 1 });
  const note = await stripe.creditNotes.create({ ...wanted, metadata: { why: "tour" } });
  await stripe.creditNotes.update(note.id, { memo: "Again" });
  await stripe.creditNotes.retrieve(note.id, {
    expand: ["customer_balance_transaction", "refunds.refund", "invoice"],
  });
  await stripe.creditNotes.list({ invoice });
  await stripe.creditNotes.listLineItems(note.id);
}
