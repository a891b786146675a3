import { changeableFields } from "../billing/portal/customer.ts";
import { assertFeature, ownSubscription, type Portal } from "../billing/portal/portal.ts";
import { periodEnd } from "../billing/subscriptions/items.ts";
import type { HttpReply } from "../http.ts";
import type { Transaction } from "../transaction.ts";
import { type Complaint, cardFields, testCardList } from "./fields.ts";
import { html } from "./html.ts";
import { hrefOf, planName, planPrice, portalStep } from "./portal-frame.ts";
import type { Visit } from "./portal-routes.ts";
import { day } from "./words.ts";

const REASONS: Record<string, string> = {
  customer_service: "Customer service was less than expected",
  low_quality: "Quality was less than expected",
  missing_features: "I need more features",
  other: "Another reason",
  switched_service: "I found an alternative",
  too_complex: "It is too complex",
  too_expensive: "It is too expensive",
  unused: "I don't use it enough",
};

/** Asks whether to cancel, and why. */
export function cancelPage(tx: Transaction, portal: Portal, { id }: Visit, complaint?: Complaint): HttpReply {
  assertFeature(portal, "subscription_cancel");
  const subscription = ownSubscription(tx, portal, id);
  const { cancellation_reason, mode } = portal.features.subscription_cancel;
  const when =
    mode === "immediately"
      ? "It ends at once."
      : `It stays until ${day(periodEnd(subscription))}, and is not renewed then.`;
  return portalStep(portal, {
    title: "Cancel your plan?",
    complaint,
    body: html`<p><strong>${planName(tx, subscription)}</strong><br>${planPrice(tx, subscription)}</p>
<p>${when}</p>
<form method="post" action="${hrefOf(portal, `/subscriptions/${id}/cancel`)}">
${
  cancellation_reason.enabled &&
  html`<fieldset><legend>Why do you cancel? (optional)</legend>
${cancellation_reason.options.map((option) => html`<label class="choice"><input type="radio" name="feedback" value="${option}">${REASONS[option] ?? option}</label>`)}</fieldset>
<div class="field"><label for="comment">Anything to add?</label><textarea id="comment" name="comment" rows="3" maxlength="500"></textarea></div>`
}
<div class="actions"><button id="cancel-plan" class="danger">Cancel plan</button></div>
</form>`,
  });
}

/** Asks for a card to pay with from now on. */
export function methodPage(
  _tx: Transaction,
  portal: Portal,
  { fields }: Visit,
  complaint?: Complaint,
): HttpReply {
  assertFeature(portal, "payment_method_update");
  return portalStep(portal, {
    title: "Add a payment method",
    complaint,
    body: html`<p class="soft">Nothing is charged now. Your subscriptions are paid with it from now on.</p>
<form method="post" action="${hrefOf(portal, "/methods/new")}">
${cardFields(fields, complaint)}
<div class="actions"><button id="save-method">Save</button></div>
</form>
${testCardList()}`,
  });
}

const LABELS = { email: "Email", name: "Name", phone: "Phone" };
const TYPES = { email: "email", name: "text", phone: "tel" };

/** Asks for what the customer may change of themselves. */
export function customerPage(
  _tx: Transaction,
  portal: Portal,
  { fields }: Visit,
  complaint?: Complaint,
): HttpReply {
  assertFeature(portal, "customer_update");
  return portalStep(portal, {
    title: "Billing information",
    complaint,
    body: html`<form method="post" action="${hrefOf(portal, "/customer")}">
${changeableFields(portal).map(
  (name) =>
    html`<div class="field"><label for="${name}">${LABELS[name]}</label><input id="${name}" name="${name}" type="${TYPES[name]}" autocomplete="${name === "phone" ? "tel" : name}" value="${fields[name] ?? portal.customer[name] ?? ""}"></div>`,
)}
<div class="actions"><button id="save-customer">Save</button></div>
</form>`,
  });
}
