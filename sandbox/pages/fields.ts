import { testCards } from "../cards.ts";
import { ApiError } from "../errors.ts";
import { decodeForm } from "../form.ts";
import type { HttpRequest } from "../http.ts";
import { Html, html } from "./html.ts";
import { UnusableCard } from "./typed-card.ts";

/** The names of the fields of a card form, and of those that may stand beside it. */
const FIELDS = ["email", "number", "exp", "cvc", "name", "code", "account"] as const;
export type Field = (typeof FIELDS)[number];
export type Typed = Partial<Record<Field, string>>;

/** What was wrong with what someone sent, for them to read; `field` says where. */
export interface Complaint {
  message: string;
  status: number;
  field: Field | null;
}

/** The text fields of a form that was sent, cut where nothing sensible is that long. */
export function readFields(request: HttpRequest): Record<string, string> {
  const fields = Object.entries(decodeForm(request.body));
  return Object.fromEntries(
    fields.flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value.trim().slice(0, 500)]] : [],
    ),
  );
}

/** Where a refusal belongs, by its code. Other refusals of cards belong to the number. */
const PLACES: Record<string, Field | null> = {
  expired_card: "exp",
  incorrect_cvc: "cvc",
  processing_error: null,
  payment_intent_authentication_failure: null,
  setup_intent_authentication_failure: null,
};

/** The complaint that an error amounts to; anything that is none is thrown on. */
export function complaintOf(error: unknown): Complaint {
  if (error instanceof UnusableCard) return { message: error.message, status: 400, field: error.field };
  if (!(error instanceof ApiError)) throw error;
  const { code = "", message, param, type } = error.body;
  const place = PLACES[code] === undefined && type === "card_error" ? "number" : (PLACES[code] ?? null);
  const isOfCode = param?.includes("promotion_code") || param?.startsWith("discounts");
  return { message, status: error.status, field: isOfCode ? "code" : place };
}

/** A complaint, to be shown where it belongs. */
export const alert = ({ message }: Complaint): Html =>
  html`<p class="error" id="error" role="alert">${message}</p>`;

interface Input {
  id: string;
  name: Field;
  label: string;
  /** The page's own text, never a visitor's. */
  attributes: string;
}

/** A labelled input with what was typed before, and what was wrong with it. */
export function field({ id, name, label, attributes }: Input, typed: Typed, complaint?: Complaint): Html {
  const isWrong = complaint?.field === name;
  const flawed = new Html('aria-invalid="true" aria-describedby="error" autofocus ');
  return html`<div class="field"><label for="${id}">${label}</label>
<input id="${id}" name="${name}" value="${typed[name] ?? ""}" ${isWrong && flawed}${new Html(attributes)}>
${isWrong && alert(complaint)}</div>`;
}

/** The fields of a card. */
export function cardFields(typed: Typed, complaint?: Complaint): Html {
  const input = (id: string, name: Field, label: string, attributes: string) =>
    field({ id, name, label, attributes }, typed, complaint);
  return html`${input("card-number", "number", "Card number", 'inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242" maxlength="23" required')}
<div class="row">
${input("card-expiry", "exp", "Expiry (MM / YY)", 'inputmode="numeric" autocomplete="cc-exp" placeholder="12 / 34" maxlength="9" required')}
${input("card-cvc", "cvc", "Security code", 'inputmode="numeric" autocomplete="cc-csc" placeholder="123" maxlength="4" required')}
</div>
${input("card-name", "name", "Name on card", 'autocomplete="cc-name"')}`;
}

const spaced = (number: string) => number.replace(/(\d{4})(?=\d)/g, "$1 ");

/** Which numbers to try. */
export function testCardList(): Html {
  return html`<details class="hints"><summary>Test cards</summary>
<table><tbody>${testCards
    .filter((card) => card.hint)
    .map(
      (card) => html`<tr><th scope="row"><code>${spaced(card.number)}</code></th><td>${card.hint}</td></tr>`,
    )}</tbody></table>
<p>Any future expiry and any security code will do.</p></details>`;
}

const BRANDS: Record<string, string> = {
  amex: "American Express",
  diners: "Diners Club",
  jcb: "JCB",
  unionpay: "UnionPay",
};

/** "Visa •••• 4242": a method as its owner knows it. */
export function methodName(method: {
  card?: { brand: string; last4: string };
  sepa_debit?: { last4: string | null };
  us_bank_account?: { last4: string | null };
}): string {
  const { card, sepa_debit, us_bank_account } = method;
  if (card) {
    const brand = BRANDS[card.brand] ?? card.brand.charAt(0).toUpperCase() + card.brand.slice(1);
    return `${brand} •••• ${card.last4}`;
  }
  return `Bank account •••• ${(sepa_debit ?? us_bank_account)?.last4 ?? ""}`;
}
