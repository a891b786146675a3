import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { World } from "../world.ts";
import { html } from "./html.ts";
import { notice, page } from "./layout.ts";
import { textPdf } from "./pdf.ts";

const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);

const notFound = () => notice("Page not found", "There is no such document.", 404);

/** `GET /i/:id`: an invoice as its customer sees it. */
export function showInvoice(world: World, id: string): HttpReply {
  const invoice = world.store.get("invoice", id);
  if (!invoice || invoice.status === "draft") return notFound();
  const money = (amount: number) => formatMoney(amount, invoice.currency);
  return page({
    title: `Invoice ${invoice.number}`,
    body: html`<div class="sheet narrow"><div>
<h1>Invoice ${invoice.number}</h1>
<p class="soft">${day(invoice.effective_at ?? invoice.created)} · ${invoice.customer_email} · <span class="badge">${invoice.status}</span></p>
<table><tbody>${invoice.lines.data.map(
      (line) =>
        html`<tr><td>${line.description}<br><span class="soft">${day(line.period.start)} to ${day(line.period.end)}</span></td><td>${money(line.amount)}</td></tr>`,
    )}</tbody>
<tfoot><tr><th scope="row">Total</th><td>${money(invoice.total)}</td></tr>
<tr><th scope="row">Amount due</th><td>${money(invoice.amount_remaining)}</td></tr></tfoot></table>
<p><a href="${invoice.invoice_pdf ?? ""}">Download as PDF</a></p>
</div></div>`,
  });
}

/** `GET /i/:id/pdf`. */
export function invoicePdf(world: World, id: string): HttpReply {
  const invoice = world.store.get("invoice", id);
  if (!invoice || invoice.status === "draft") return notFound();
  return {
    status: 200,
    headers: {
      "content-type": "application/pdf",
      "content-disposition": `inline; filename="${invoice.number}.pdf"`,
    },
    body: textPdf(invoiceText(invoice)),
  };
}

function invoiceText(invoice: Kinds["invoice"]): string[] {
  const money = (amount: number) => formatMoney(amount, invoice.currency);
  return [
    `Invoice ${invoice.number}`,
    `${day(invoice.effective_at ?? invoice.created)}   ${invoice.customer_email ?? ""}   ${invoice.status}`,
    "",
    ...invoice.lines.data.map((line) => `${line.description}   ${money(line.amount)}`),
    "",
    `Total   ${money(invoice.total)}`,
    `Amount due   ${money(invoice.amount_remaining)}`,
  ];
}

/** `GET /receipts/:id`: the receipt of a charge. */
export function showReceipt(world: World, id: string): HttpReply {
  const charge = world.store.get("charge", id);
  if (!charge?.paid) return notFound();
  const card = charge.payment_method_details?.card;
  return page({
    title: "Receipt",
    body: html`<div class="sheet narrow"><div>
<h1>Receipt</h1>
<p class="amount">${formatMoney(charge.amount, charge.currency)}</p>
<p class="soft">Paid on ${day(charge.created)} with ${card?.brand} ending in ${card?.last4}.</p>
</div></div>`,
  });
}
