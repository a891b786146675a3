import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { World } from "../world.ts";
import { methodName } from "./fields.ts";
import { html } from "./html.ts";
import { notice, page } from "./layout.ts";
import { textPdf } from "./pdf.ts";
import { day } from "./words.ts";

export const notFound = () => notice("Page not found", "There is no such document.", 404);

/** An invoice that its customer may see: a draft is not one yet. */
export function shownInvoice(world: World, id: string): Kinds["invoice"] | undefined {
  const invoice = world.store.get("invoice", id);
  return invoice && invoice.status !== "draft" ? invoice : undefined;
}

/** `GET /i/:id/pdf`. */
export function invoicePdf(world: World, id: string): HttpReply {
  const invoice = shownInvoice(world, id);
  return invoice ? pdf(`${invoice.number}`, invoiceText(invoice)) : notFound();
}

const pdf = (name: string, lines: string[]): HttpReply => ({
  status: 200,
  headers: {
    "content-type": "application/pdf",
    "content-disposition": `inline; filename="${name}.pdf"`,
  },
  body: textPdf(lines),
});

/** `GET /credit_notes/:id/pdf`. */
export function creditNotePdf(world: World, id: string): HttpReply {
  const note = world.store.get("credit_note", id);
  if (!note) return notFound();
  const money = (amount: number) => formatMoney(amount, note.currency);
  const invoice = world.store.get("invoice", note.invoice);
  return pdf(note.number, [
    `Credit note ${note.number}`,
    `${day(note.effective_at ?? note.created)}   for invoice ${invoice?.number ?? note.invoice}   ${note.status}`,
    ...(note.memo ? [note.memo] : []),
    "",
    ...note.lines.data.map((line) => `${line.description ?? ""}   ${money(line.amount)}`),
    "",
    ...(note.discount_amount > 0 ? [`Discount   -${money(note.discount_amount)}`] : []),
    `Total   ${money(note.total)}`,
  ]);
}

function invoiceText(invoice: Kinds["invoice"]): string[] {
  const money = (amount: number) => formatMoney(amount, invoice.currency);
  const discount = discountOf(invoice);
  return [
    `Invoice ${invoice.number}`,
    `${day(invoice.effective_at ?? invoice.created)}   ${invoice.customer_email ?? ""}   ${invoice.status}`,
    "",
    ...invoice.lines.data.map((line) => `${line.description ?? ""}   ${money(line.amount)}`),
    "",
    ...(discount > 0 ? [`Discount   -${money(discount)}`] : []),
    `Total   ${money(invoice.total)}`,
    `Amount due   ${money(invoice.amount_remaining)}`,
  ];
}

/** What all discounts took off. */
export const discountOf = ({ total_discount_amounts }: Kinds["invoice"]) =>
  (total_discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);

/** `GET /receipts/:id`: the receipt of a charge. */
export function showReceipt(world: World, id: string): HttpReply {
  const charge = world.store.get("charge", id);
  if (!charge?.paid) return notFound();
  const { card, sepa_debit, us_bank_account } = charge.payment_method_details ?? {};
  const method = methodName({
    ...(card && { card: { brand: card.brand ?? "", last4: card.last4 ?? "" } }),
    ...(sepa_debit && { sepa_debit }),
    ...(us_bank_account && { us_bank_account }),
  });
  return page({
    title: "Receipt",
    body: html`<div class="sheet narrow"><div>
<h1>Receipt</h1>
<p class="amount">${formatMoney(charge.amount, charge.currency)}</p>
<p class="soft">Paid on ${day(charge.created)} with ${method}.</p>
${charge.amount_refunded > 0 && html`<p>Refunded: ${formatMoney(charge.amount_refunded, charge.currency)}</p>`}
</div></div>`,
  });
}
