import { isTrial, itemAmount } from "../billing/checkout/amounts.ts";
import { couponOf } from "../billing/checkout/discounts.ts";
import { trialEndOf } from "../billing/checkout/order.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { type Complaint, field, type Typed } from "./fields.ts";
import { Html, html } from "./html.ts";
import { couponWords, day, rhythm } from "./words.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];

/** What is bought, for how much, and what of it is due today. */
export function summary(tx: Transaction, session: Session, typed: Typed, complaint?: Complaint): Html {
  const details = tx.need("checkout_details", session.id);
  if (session.mode === "setup") {
    return html`<h1 id="product-name">Save a payment method</h1>
<p class="soft" id="amount">Nothing is charged today: it is kept for later payments.</p>`;
  }
  return html`<h1 id="product-name">${details.line_items.map(({ description }) => description).join(", ")}</h1>
${headline(tx, session, details)}
<table class="order">
<tbody>${details.line_items.map((item) => row(tx, session, item))}</tbody>
<tfoot>${discountRows(tx, session)}
<tr class="total"><th scope="row">Total due today</th><td id="due-today">${money(session.amount_total ?? 0, session)}</td></tr></tfoot>
</table>
${codeForm(tx, session, typed, complaint)}`;
}

const money = (amount: number, { currency }: Session) => formatMoney(amount, currency ?? "usd");

const recurring = (tx: Transaction, { line_items }: CheckoutDetails) =>
  line_items.filter(({ price }) => price!.recurring).reduce((sum, item) => sum + itemAmount(tx, item), 0);

/** How often it is paid, when everything that recurs has the same rhythm. */
function commonRhythm({ line_items }: CheckoutDetails): string {
  const texts = new Set(line_items.flatMap(({ price }) => rhythm(price!) || []));
  return texts.size === 1 ? [...texts][0]! : "";
}

function headline(tx: Transaction, session: Session, details: CheckoutDetails): Html {
  if (session.mode === "payment")
    return html`<p class="amount" id="amount">${money(session.amount_total ?? 0, session)}</p>`;
  const later = html`${money(recurring(tx, details), session)} ${commonRhythm(details)}`;
  if (!isTrial(details)) {
    return html`<p class="amount" id="amount">${money(recurring(tx, details), session)} <small>${commonRhythm(details)}</small></p>`;
  }
  const { trial_period_days: days } = details.subscription_data;
  const end = trialEndOf(details, tx.now);
  return html`<p class="amount" id="amount">${days ? `${days} ${days === 1 ? "day" : "days"} free` : "Free trial"}<small class="then">Then ${later}${end !== null && ` from ${day(end)}`}</small></p>`;
}

function row(tx: Transaction, session: Session, item: LineItem): Html {
  const { price, quantity, description } = item;
  const each = price!.unit_amount_decimal !== null && quantity !== null && quantity > 1;
  const unit = each && `${money(itemAmount(tx, { ...item, quantity: 1 }), session)} each`;
  const notes = [quantity !== null && `Quantity ${quantity}`, unit, rhythm(price!)]
    .filter(Boolean)
    .join(" · ");
  const { description: product } = tx.get("product", price!.product) ?? {};
  return html`<tr><th scope="row">${description}<br><span class="soft">${product && html`${product}<br>`}${notes}</span>
${quantityForm(session, item)}</th>
<td>${money(itemAmount(tx, item), session)}${price!.recurring && item.amount_subtotal === 0 && itemAmount(tx, item) > 0 && html`<br><span class="soft">after the trial</span>`}</td></tr>`;
}

function quantityForm({ id }: Session, { adjustable_quantity: limits, ...item }: LineItem): Html | null {
  if (!limits?.enabled) return null;
  return html`<form class="inline" method="post" action="/c/pay/${id}/quantity">
<input type="hidden" name="item" value="${item.id}">
<label for="quantity-${item.id}">Change quantity</label>
<input id="quantity-${item.id}" name="quantity" type="number" value="${item.quantity}" min="${Math.max(1, limits.minimum ?? 1)}" max="${limits.maximum ?? 99}" required>
<button class="small plain">Update</button></form>`;
}

function discountRows(tx: Transaction, session: Session): Html | null {
  const coupon = couponOf(tx, session.discounts);
  if (!coupon) return null;
  const code = tx.get("promotion_code", session.discounts?.[0]?.promotion_code ?? "")?.code;
  const remove = html`<form class="inline" method="post" action="/c/pay/${session.id}/code"><button class="link" id="remove-code" name="code" value="">Remove</button></form>`;
  return html`<tr><th scope="row">Subtotal</th><td>${money(session.amount_subtotal ?? 0, session)}</td></tr>
<tr id="discount"><th scope="row"><span class="badge">${code ?? coupon.name ?? coupon.id}</span> ${session.allow_promotion_codes && remove}
<br><span class="soft">${couponWords(coupon, session.currency ?? "usd")}</span></th>
<td class="good">−${money(session.total_details?.amount_discount ?? 0, session)}</td></tr>`;
}

function codeForm(tx: Transaction, session: Session, typed: Typed, complaint?: Complaint): Html | null {
  if (!session.allow_promotion_codes || couponOf(tx, session.discounts)) return null;
  const isWrong = complaint?.field === "code";
  const input = {
    id: "promotion-code",
    name: "code" as const,
    label: "Code",
    attributes: 'autocomplete="off" required',
  };
  return html`<details class="code"${isWrong && new Html(" open")}><summary>Add promotion code</summary>
<form method="post" action="/c/pay/${session.id}/code">${field(input, typed, complaint)}<button class="plain" id="apply-code">Apply</button></form></details>`;
}
