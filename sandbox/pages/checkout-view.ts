import { intervalText } from "../billing/lines.ts";
import { testCards } from "../cards.ts";
import type { HttpReply } from "../http.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import { Html, html } from "./html.ts";
import { page } from "./layout.ts";

type Session = Kinds["checkout.session"];

/** What the payer has typed so far. */
export interface Typed {
  email: string;
  number: string;
  exp: string;
  cvc: string;
  name: string;
}

export interface CheckoutView {
  session: Session;
  details: CheckoutDetails;
  typed: Partial<Typed>;
  error?: { message: string; status: number } | undefined;
}

/** The payment page of an open session. */
export function checkoutPage({ session, details, typed, error }: CheckoutView): HttpReply {
  return page({
    title: `Pay for ${names(details)}`,
    status: error?.status ?? 200,
    leadsTo: [session.success_url],
    body: html`<div class="sheet two">
<section aria-label="Order">${summary(details)}</section>
<section aria-label="Payment">
<h2>${needsCard(session, details) ? "Pay with card" : "Confirm"}</h2>
${form(session, details, typed, error?.message)}
${testCardList()}
</section>
</div>`,
  });
}

const names = (details: CheckoutDetails) => details.line_items.map((item) => item.description).join(", ");

const total = (details: CheckoutDetails) =>
  formatMoney(
    details.line_items.reduce((sum, item) => sum + item.amount_total, 0),
    details.line_items[0]!.currency,
  );

const isTrial = ({ subscription_data: data }: CheckoutDetails) =>
  data.trial_end !== null || data.trial_period_days !== null;

const needsCard = (session: Session, details: CheckoutDetails) =>
  !isTrial(details) || session.payment_method_collection !== "if_required";

/** "per month", when everything bought has the same rhythm. */
function rhythm(details: CheckoutDetails): string {
  const texts = new Set(details.line_items.map((item) => intervalText(item.price!)));
  return texts.size === 1 ? `per ${[...texts][0]}` : "";
}

function summary(details: CheckoutDetails): Html {
  const { trial_period_days, trial_end } = details.subscription_data;
  const free = trial_period_days ? `${trial_period_days} days free` : "Free trial";
  return html`<h1 id="product-name">${names(details)}</h1>
${
  trial_period_days !== null || trial_end !== null
    ? html`<p class="amount" id="amount">${free}<br><small>then ${total(details)} ${rhythm(details)}</small></p>`
    : html`<p class="amount" id="amount">${total(details)} <small>${rhythm(details)}</small></p>`
}
<table>
<tbody>${details.line_items.map(
    (
      item,
    ) => html`<tr><td>${item.description}<br><span class="soft">Quantity ${item.quantity}, billed every ${intervalText(item.price!)}</span></td>
<td>${formatMoney(item.amount_total, item.currency)}</td></tr>`,
  )}</tbody>
<tfoot><tr><th scope="row">Due today</th><td>${isTrial(details) ? formatMoney(0, details.line_items[0]!.currency) : total(details)}</td></tr></tfoot>
</table>`;
}

function form(
  session: Session,
  details: CheckoutDetails,
  typed: Partial<Typed>,
  error: string | undefined,
): Html {
  const email = session.customer_details?.email;
  return html`<form method="post" action="/c/pay/${session.id}">
${error && html`<p class="error" id="error" role="alert">${error}</p>`}
${
  email
    ? html`<p class="field"><span class="soft">Email</span><br><span id="email">${email}</span></p>`
    : field("email", "email", "Email", 'type="email" autocomplete="email" required', typed.email)
}
${needsCard(session, details) && cardFields(typed)}
<div class="actions">
<button id="pay" type="submit">${isTrial(details) ? "Start trial" : `Pay ${total(details)}`}</button>
${session.cancel_url && html`<p class="center"><a id="cancel" href="${session.cancel_url}">Cancel and go back</a></p>`}
</div>
</form>`;
}

function cardFields(typed: Partial<Typed>): Html {
  return html`${field("card-number", "number", "Card number", 'inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242" maxlength="23" required', typed.number)}
<div class="row">
${field("card-expiry", "exp", "Expiry (MM / YY)", 'inputmode="numeric" autocomplete="cc-exp" placeholder="12 / 34" maxlength="9" required', typed.exp)}
${field("card-cvc", "cvc", "Security code", 'inputmode="numeric" autocomplete="cc-csc" placeholder="123" maxlength="4" required', typed.cvc)}
</div>
${field("card-name", "name", "Name on card", 'autocomplete="cc-name"', typed.name)}`;
}

/** `attributes` is the page's own text, never a visitor's. */
function field(id: string, name: string, label: string, attributes: string, value = ""): Html {
  return html`<div class="field"><label for="${id}">${label}</label><input id="${id}" name="${name}" value="${value}" ${new Html(attributes)}></div>`;
}

function testCardList(): Html {
  const spaced = (number: string) => number.replace(/(\d{4})(?=\d)/g, "$1 ");
  return html`<details><summary>Test cards</summary>
<table><tbody>${testCards
    .filter((card) => card.hint)
    .map(
      (card) => html`<tr><td><code>${spaced(card.number)}</code></td><td>${card.hint}</td></tr>`,
    )}</tbody></table>
<p>Any future expiry and any security code will do.</p></details>`;
}
