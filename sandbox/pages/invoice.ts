import { attach, createCard } from "../billing/customers/payment-methods.ts";
import { methodFor, payInvoice, refusalOf } from "../billing/invoices/collection.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import type { World } from "../world.ts";
import { discountOf, notFound, shownInvoice } from "./documents.ts";
import {
  alert,
  type Complaint,
  cardFields,
  complaintOf,
  methodName,
  readFields,
  type Typed,
  testCardList,
} from "./fields.ts";
import { type Html, html } from "./html.ts";
import { page, redirect } from "./layout.ts";
import { typedCard } from "./typed-card.ts";
import { day } from "./words.ts";

type Invoice = Kinds["invoice"];

const isPayable = ({ status, amount_remaining }: Invoice) =>
  (status === "open" || status === "uncollectible") && amount_remaining > 0;

/** `GET /i/:id`: an invoice as its customer sees it, to be paid while it is open. */
export function showInvoice(world: World, request: HttpRequest, id: string): HttpReply {
  const invoice = shownInvoice(world, id);
  if (!invoice) return notFound();
  const failed = request.query === "failed" && isPayable(invoice);
  const message = "Your payment was not authenticated. Please try again, or use another card.";
  const complaint = failed ? { message, status: 200, field: null } : undefined;
  return world.act(id, (tx) => invoicePage(tx, invoice, {}, complaint));
}

/** `POST /i/:id`: pays with the card that was typed, or with the one that is known. */
export function payHostedInvoice(world: World, request: HttpRequest, id: string): HttpReply {
  const invoice = shownInvoice(world, id);
  if (!invoice) return notFound();
  if (!isPayable(invoice)) return redirect(`/i/${id}`);
  const typed = readFields(request);
  try {
    return world.act(id, (tx) => pay(tx, invoice, typed));
  } catch (error) {
    const complaint = complaintOf(error);
    return world.act(id, (tx) => invoicePage(tx, tx.need("invoice", id), typed, complaint));
  }
}

function pay(tx: Transaction, invoice: Invoice, typed: Record<string, string>): HttpReply {
  const method = typed.saved ? undefined : createCard(tx, typedCard(typed, new Date(tx.ownNow * 1000)));
  const collected = payInvoice(tx, invoice, method ? { method } : {});
  if (collected.intent?.status === "requires_action") return redirect(`/3ds/${collected.intent.id}`);
  const refusal = collected.intent?.status === "processing" ? undefined : refusalOf(collected);
  if (refusal) throw refusal;
  if (method && invoice.customer) attach(tx, tx.need("payment_method", method.id), invoice.customer);
  return redirect(`/i/${invoice.id}`);
}

function invoicePage(tx: Transaction, invoice: Invoice, typed: Typed, complaint?: Complaint): HttpReply {
  return page({
    title: `Invoice ${invoice.number}`,
    status: complaint?.status ?? 200,
    body: html`<div class="sheet ${isPayable(invoice) ? "two" : "narrow"}">
<section class="order-side" aria-label="Invoice">${document(invoice)}</section>
${isPayable(invoice) && html`<section aria-label="Payment">${payment(tx, invoice, typed, complaint)}</section>`}
</div>`,
  });
}

const STATES: Record<string, string> = {
  paid: "good",
  open: "",
  uncollectible: "bad",
  void: "",
};

function document(invoice: Invoice): Html {
  const money = (amount: number) => formatMoney(amount, invoice.currency);
  const { starting_balance: before, ending_balance: after } = invoice;
  const credit = invoice.total - invoice.amount_due;
  const isSettledByBalance = credit !== 0 && after !== null && after !== before;
  const discount = discountOf(invoice);
  return html`<h1>Invoice ${invoice.number}</h1>
<p class="amount" id="amount">${money(invoice.status === "paid" ? invoice.amount_paid : invoice.amount_remaining)} <span class="badge ${STATES[invoice.status ?? ""]}" id="status">${invoice.status}</span></p>
<p class="soft">${day(invoice.effective_at ?? invoice.created)}${invoice.customer_email && ` · ${invoice.customer_email}`}${invoice.due_date && invoice.status === "open" && ` · due ${day(invoice.due_date)}`}</p>
${invoice.description && html`<p>${invoice.description}</p>`}
<table class="order"><tbody>${invoice.lines.data.map(
    (line) =>
      html`<tr><th scope="row">${line.description}<br><span class="soft">${period(line.period)}</span></th><td>${money(line.amount)}</td></tr>`,
  )}</tbody>
<tfoot>
${discount > 0 && html`<tr><th scope="row">Discount</th><td class="good">−${money(discount)}</td></tr>`}
<tr><th scope="row">Total</th><td>${money(invoice.total)}</td></tr>
${isSettledByBalance && html`<tr><th scope="row">From your balance</th><td>${money(-credit)}</td></tr>`}
${invoice.amount_paid > 0 && html`<tr><th scope="row">Paid</th><td>${money(invoice.amount_paid)}</td></tr>`}
<tr class="total"><th scope="row">Amount due</th><td>${money(invoice.amount_remaining)}</td></tr></tfoot></table>
${invoice.footer && html`<p class="soft">${invoice.footer}</p>`}
<p><a href="${invoice.invoice_pdf ?? ""}">Download as PDF</a></p>`;
}

const period = ({ start, end }: { start: number; end: number }) =>
  start === end ? day(start) : `${day(start)} to ${day(end)}`;

function payment(tx: Transaction, invoice: Invoice, typed: Typed, complaint?: Complaint): Html {
  const amount = formatMoney(invoice.amount_remaining, invoice.currency);
  const known = methodFor(tx, invoice);
  return html`${complaint && complaint.field === null && alert(complaint)}
${
  known &&
  html`<form method="post" action="/i/${invoice.id}" class="saved"><input type="hidden" name="saved" value="yes">
<button id="pay-saved">Pay ${amount} with ${methodName(known)}</button>
<p class="or"><span>or</span></p></form>`
}
<h2>${known ? "Pay with another card" : "Pay with card"}</h2>
<form method="post" action="/i/${invoice.id}">
${cardFields(typed, complaint)}
<div class="actions"><button id="pay">Pay ${amount}</button></div>
</form>
${testCardList()}`;
}
