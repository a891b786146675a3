import { changeableFields } from "../billing/portal/customer.ts";
import { liveSubscriptions, methodsOf, type Portal } from "../billing/portal/portal.ts";
import { isEnding } from "../billing/portal/subscriptions.ts";
import { defaultMethod } from "../billing/subscriptions/invoices.ts";
import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { methodName } from "./fields.ts";
import { type Html, html } from "./html.ts";
import { page } from "./layout.ts";
import { hrefOf, outlook, planName, planPrice } from "./portal-frame.ts";
import { day } from "./words.ts";

const DONE: Record<string, string> = {
  added: "Your new payment method is saved, and is used from now on.",
  canceled: "Your subscription has been canceled.",
  preferred: "This payment method is used from now on.",
  removed: "The payment method has been removed.",
  resumed: "Your subscription goes on.",
  saved: "Your information has been saved.",
  updated: "Your subscription has been updated.",
};

/** Everything that a customer has, and what they may do with it. */
export function portalHome(tx: Transaction, portal: Portal, done: string | undefined): HttpReply {
  const { return_url } = portal.session;
  const message = done && Object.hasOwn(DONE, done) ? DONE[done] : undefined;
  return page({
    title: "Your billing",
    leadsTo: [return_url],
    body: html`<div class="sheet"><div>
${return_url && html`<p><a id="return" class="back" href="${return_url}"><span aria-hidden="true">←</span> Return to the shop</a></p>`}
<h1>Billing</h1>
<p class="soft">${portal.customer.name ?? portal.customer.email ?? portal.customer.id}</p>
${message && html`<p class="notice" id="done" role="status">${message}</p>`}
${section("Subscriptions", "subscriptions", subscriptions(tx, portal))}
${section("Payment methods", "methods", methods(tx, portal))}
${changeableFields(portal).length > 0 && section("Billing information", "information", information(portal))}
${portal.features.invoice_history.enabled && section("Invoices", "invoices", invoices(tx, portal))}
</div></div>`,
  });
}

const section = (title: string, id: string, body: Html): Html =>
  html`<section class="part" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${body}</section>`;

function subscriptions(tx: Transaction, portal: Portal): Html {
  const all = liveSubscriptions(tx, portal.customer.id);
  if (all.length === 0) return html`<p class="soft">You have no subscription.</p>`;
  return html`<ul class="list">${all.map((each) => subscription(tx, portal, each))}</ul>`;
}

function subscription(tx: Transaction, portal: Portal, row: Kinds["subscription"]): Html {
  const { subscription_cancel, subscription_update } = portal.features;
  const at = (path: string) => hrefOf(portal, `/subscriptions/${row.id}/${path}`);
  const method = defaultMethod(tx, row);
  const isBad = row.status === "past_due" || row.status === "unpaid";
  const mayUpdate = subscription_update.enabled && row.items.data.length === 1 && !isEnding(row);
  return html`<li id="${row.id}"><strong>${planName(tx, row)}</strong> <span class="badge ${isBad && "bad"}">${row.status.replace("_", " ")}</span><br>
${planPrice(tx, row)}<br>
<span class="soft">${outlook(row)}${method && ` Paid with ${methodName(method)}.`}</span>
<div class="buttons">
${mayUpdate && html`<a class="button small plain" href="${at("update")}">Update plan</a>`}
${subscription_cancel.enabled && !isEnding(row) && html`<a class="button small danger" href="${at("cancel")}">Cancel plan</a>`}
${subscription_cancel.enabled && isEnding(row) && html`<form method="post" action="${at("resume")}"><button class="small">Don't cancel</button></form>`}
</div></li>`;
}

function methods(tx: Transaction, portal: Portal): Html {
  const all = methodsOf(tx, portal.customer.id);
  const isAllowed = portal.features.payment_method_update.enabled;
  return html`${all.length === 0 && html`<p class="soft">You have no payment method.</p>`}
<ul class="list">${all.map((each) => method(portal, each))}</ul>
${isAllowed && html`<div class="buttons"><a class="button small plain" id="add-method" href="${hrefOf(portal, "/methods/new")}">Add payment method</a></div>`}`;
}

function method(portal: Portal, row: Kinds["payment_method"]): Html {
  const isDefault = portal.customer.invoice_settings.default_payment_method === row.id;
  const post = (path: string, button: Html) =>
    html`<form method="post" action="${hrefOf(portal, `/methods/${row.id}/${path}`)}">${button}</form>`;
  const name = methodName(row);
  return html`<li id="${row.id}">${name} ${isDefault && html`<span class="badge good">default</span>`}
${row.card && html`<br><span class="soft">Expires ${String(row.card.exp_month).padStart(2, "0")} / ${row.card.exp_year}</span>`}
${
  portal.features.payment_method_update.enabled &&
  html`<div class="buttons">
${!isDefault && post("default", html`<button class="small plain" aria-label="Make ${name} the default">Make default</button>`)}
${post("remove", html`<button class="small danger" aria-label="Remove ${name}">Remove</button>`)}</div>`
}</li>`;
}

function information(portal: Portal): Html {
  const { name, email, phone } = portal.customer;
  return html`<p>${[name, email, phone].filter(Boolean).join(" · ") || "Nothing yet"}</p>
<div class="buttons"><a class="button small plain" href="${hrefOf(portal, "/customer")}">Update information</a></div>`;
}

function invoices(tx: Transaction, { customer }: Portal): Html {
  const all = [...tx.newest("invoice", { index: "customer", key: customer.id })];
  const shown = all.filter(({ status }) => status !== "draft");
  if (shown.length === 0) return html`<p class="soft">You have no invoice.</p>`;
  return html`<table class="order"><thead><tr><th scope="col">Date</th><th scope="col">Status</th><th scope="col">Amount</th></tr></thead>
<tbody>${shown.map(
    (invoice) =>
      html`<tr><th scope="row"><a href="${invoice.hosted_invoice_url ?? ""}">${day(invoice.effective_at ?? invoice.created)}</a></th><td>${invoice.status}</td><td>${formatMoney(invoice.total, invoice.currency)}</td></tr>`,
  )}</tbody></table>`;
}
