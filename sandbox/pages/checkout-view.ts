import { isTrial } from "../billing/checkout/amounts.ts";
import { needsMethod } from "../billing/checkout/checkout.ts";
import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { summary } from "./checkout-summary.ts";
import { alert, type Complaint, cardFields, field, methodName, type Typed, testCardList } from "./fields.ts";
import { Html, html } from "./html.ts";
import { page } from "./layout.ts";

type Session = Kinds["checkout.session"];

interface CheckoutView {
  session: Session;
  typed: Typed;
  complaint?: Complaint | undefined;
}

/** The payment page of an open session. */
export function checkoutPage(tx: Transaction, { session, typed, complaint }: CheckoutView): HttpReply {
  const { line_items } = tx.need("checkout_details", session.id);
  const saved = savedMethod(tx, session);
  const names = line_items.map(({ description }) => description).join(", ");
  return page({
    title: session.mode === "setup" ? "Save a payment method" : `Pay for ${names}`,
    status: complaint?.status ?? 200,
    leadsTo: [session.success_url],
    body: html`<div class="sheet two">
<section class="order-side" aria-label="Order">
${session.cancel_url && html`<p><a id="cancel" class="back" href="${session.cancel_url}"><span aria-hidden="true">←</span> Cancel and go back</a></p>`}
${summary(tx, session, typed, complaint)}</section>
<section aria-label="Payment">
${complaint && complaint.field === null && alert(complaint)}
${saved && savedCard(tx, session, saved)}
<h2>${heading(session, saved !== null)}</h2>
${form(tx, session, typed, complaint)}
${bankForm(session, typed, complaint)}
${testCardList()}
</section>
</div>`,
  });
}

/** What the button says. */
function submitText(tx: Transaction, session: Session): string {
  if (session.mode === "setup") return "Save card";
  if (session.amount_total === 0) {
    const details = tx.need("checkout_details", session.id);
    return session.mode === "subscription" && isTrial(details) ? "Start trial" : "Complete order";
  }
  const verbs: Record<string, string> = { book: "Book", donate: "Donate" };
  return `${verbs[session.submit_type ?? ""] ?? "Pay"} ${formatMoney(session.amount_total ?? 0, session.currency ?? "usd")}`;
}

function form(tx: Transaction, session: Session, typed: Typed, complaint?: Complaint): Html {
  const { custom_text } = session;
  return html`<form method="post" action="/c/pay/${session.id}">
${emailField(session, typed, complaint)}
${needsMethod(session) && cardFields(typed, complaint)}
<div class="actions">
${custom_text.submit && html`<p class="soft">${custom_text.submit.message}</p>`}
<button id="pay" type="submit">${submitText(tx, session)}</button>
${custom_text.after_submit && html`<p class="soft">${custom_text.after_submit.message}</p>`}
</div>
</form>`;
}

const EMAIL = {
  id: "email",
  name: "email" as const,
  label: "Email",
  attributes: 'type="email" autocomplete="email" required',
};

function emailField(session: Session, typed: Typed, complaint?: Complaint): Html {
  const email = session.customer_details?.email;
  if (!email) return field(EMAIL, typed, complaint);
  return html`<p class="field"><span class="label">Email</span><br><span id="email">${email}</span></p>`;
}

function heading(session: Session, hasSaved: boolean): string {
  if (!needsMethod(session)) return "Your details";
  if (session.mode === "setup") return "Card";
  return hasSaved ? "Pay with another card" : "Pay with card";
}

/** The card that the customer has paid with before. */
function savedMethod(tx: Transaction, session: Session): Kinds["payment_method"] | null {
  if (!session.customer || session.mode === "setup" || !needsMethod(session)) return null;
  const known = tx.get("customer", session.customer)?.invoice_settings.default_payment_method;
  const method = known
    ? tx.get("payment_method", known)
    : tx.find("payment_method", "customer", session.customer);
  return method?.card ? method : null;
}

function savedCard(tx: Transaction, session: Session, method: Kinds["payment_method"]): Html {
  return html`<form method="post" action="/c/pay/${session.id}" class="saved">
<input type="hidden" name="payment_method" value="${method.id}">
<button id="pay-saved">${submitText(tx, session)} with ${methodName(method)}</button>
<p class="or"><span>or</span></p></form>`;
}

const ACCOUNTS: Record<string, { label: string; example: string; bad: string }> = {
  sepa_debit: { label: "IBAN", example: "DE89370400440532013000", bad: "DE62370400440532013001" },
  us_bank_account: { label: "Account number", example: "000123456789", bad: "000222222227" },
};

/** Payments that take time, where the session can be paid so. */
function bankForm(session: Session, typed: Typed, complaint?: Complaint): Html | null {
  const type = session.payment_method_types.find((each) => ACCOUNTS[each]);
  if (!type || !needsMethod(session)) return null;
  const { label, example, bad } = ACCOUNTS[type]!;
  const attributes = `autocomplete="off" placeholder="${example}" required`;
  const input = { id: "account", name: "account" as const, label, attributes };
  return html`<details class="bank"${complaint?.field === "account" && new Html(" open")}><summary>Use a bank account instead</summary>
<form method="post" action="/c/pay/${session.id}">
${!session.customer_details?.email && field({ ...EMAIL, id: "bank-email" }, typed)}
${field(input, typed, complaint)}
<p class="soft">The bank takes a moment to answer. <code>${bad}</code> is refused.</p>
<button class="plain" id="pay-bank">${session.mode === "setup" ? "Save bank account" : "Pay by bank debit"}</button></form></details>`;
}
