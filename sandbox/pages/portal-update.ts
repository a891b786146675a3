import { priceAmount } from "../billing/catalogue/pricing.ts";
import type { Portal } from "../billing/portal/portal.ts";
import {
  changeable,
  dueForUpdate,
  mayChange,
  offeredPrices,
  type Wish,
} from "../billing/portal/subscriptions.ts";
import { defaultMethod } from "../billing/subscriptions/invoices.ts";
import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { type Complaint, complaintOf, field, methodName } from "./fields.ts";
import { type Html, html } from "./html.ts";
import { hrefOf, planName, planPrice, portalStep } from "./portal-frame.ts";
import type { Visit } from "./portal-routes.ts";
import { rhythm } from "./words.ts";

type Price = Kinds["price"];
type Subscription = Kinds["subscription"];

/** Offers the plans, and whatever else may be changed. */
export function updatePage(
  tx: Transaction,
  portal: Portal,
  { id, fields }: Visit,
  complaint?: Complaint,
): HttpReply {
  const subscription = changeable(tx, portal, id);
  const item = subscription.items.data[0]!;
  const offered = mayChange(portal, "price") ? offeredPrices(tx, portal) : [];
  const others = offered.filter((price) => price.id !== item.price.id && price.active);
  return portalStep(portal, {
    title: "Update your plan",
    complaint,
    body: html`<form method="get" action="${hrefOf(portal, `/subscriptions/${id}/confirm`)}">
<fieldset><legend>Plan</legend>
${[item.price, ...others].map((price) => choice(tx, subscription, price, fields.price ?? item.price.id))}</fieldset>
${
  mayChange(portal, "quantity") &&
  html`<div class="field"><label for="quantity">Quantity</label><input id="quantity" name="quantity" type="number" min="1" value="${fields.quantity ?? item.quantity ?? 1}" required></div>`
}
${mayChange(portal, "promotion_code") && field(CODE, fields, complaint)}
<div class="actions"><button id="continue">Continue</button></div>
</form>`,
  });
}

const CODE = {
  id: "promotion-code",
  name: "code" as const,
  label: "Promotion code (optional)",
  attributes: 'autocomplete="off"',
};

function choice(tx: Transaction, { currency, items }: Subscription, price: Price, chosen: string): Html {
  const isCurrent = price.id === items.data[0]!.price.id;
  const name = tx.get("product", price.product)?.name ?? price.id;
  const amount = `${formatMoney(priceAmount(tx, price, 1, currency), currency)} ${rhythm(price)}`;
  return html`<label class="choice"><input type="radio" name="price" value="${price.id}"${price.id === chosen && " checked"}>
<span><strong>${name}</strong> ${isCurrent && html`<span class="badge">current</span>`}<br><span class="soft">${amount}</span></span></label>`;
}

/** Shows what a change means and costs, before it is made. */
export function confirmPage(tx: Transaction, portal: Portal, wish: Wish, complaint?: Complaint): HttpReply {
  const subscription = changeable(tx, portal, wish.subscription);
  const path = `/subscriptions/${wish.subscription}`;
  let due: number;
  try {
    due = dueForUpdate(tx, portal, wish);
  } catch (error) {
    return updatePage(tx, portal, { id: wish.subscription, fields: hidden(wish) }, complaintOf(error));
  }
  const method = defaultMethod(tx, subscription);
  return portalStep(portal, {
    title: "Confirm your update",
    complaint: complaint && { ...complaint, field: null },
    body: html`<table class="order"><tbody>
<tr><th scope="row">Now<br><span class="soft">${planName(tx, subscription)}</span></th><td>${planPrice(tx, subscription)}</td></tr>
<tr><th scope="row">From now on<br><span class="soft">${wishedName(tx, subscription, wish)}</span></th><td>${wishedPrice(tx, subscription, wish)}</td></tr></tbody>
<tfoot><tr class="total"><th scope="row">Due today</th><td id="due-today">${formatMoney(due, subscription.currency)}</td></tr></tfoot></table>
<p class="soft">${terms(portal, due)}${due > 0 && method && ` It is paid with ${methodName(method)}.`}</p>
<form method="post" action="${hrefOf(portal, `${path}/confirm`)}">
${Object.entries(hidden(wish)).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<div class="actions"><button id="confirm">Confirm</button></div>
</form>`,
  });
}

/** The wish as the fields of a form. */
function hidden({ price, quantity, code }: Wish): Record<string, string> {
  const fields = { price, quantity: quantity?.toString(), code };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function terms({ features }: Portal, due: number): string {
  if (due > 0) return "What you have paid for and not used is taken off.";
  return features.subscription_update.proration_behavior === "create_prorations"
    ? "The difference for the current period is on your next invoice."
    : "The new price is charged from your next invoice on.";
}

const wishedItem = (tx: Transaction, { items }: Subscription, { price, quantity }: Wish) => {
  const item = items.data[0]!;
  return { price: (price && tx.get("price", price)) || item.price, quantity: quantity ?? item.quantity ?? 1 };
};

function wishedName(tx: Transaction, subscription: Subscription, wish: Wish): string {
  const { price, quantity } = wishedItem(tx, subscription, wish);
  const name = tx.get("product", price.product)?.name ?? price.id;
  return quantity > 1 ? `${quantity} × ${name}` : name;
}

function wishedPrice(tx: Transaction, subscription: Subscription, wish: Wish): string {
  const { price, quantity } = wishedItem(tx, subscription, wish);
  const { currency } = subscription;
  return `${formatMoney(priceAmount(tx, price, quantity, currency), currency)} ${rhythm(price)}`;
}
