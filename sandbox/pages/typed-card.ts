import type { CardInput } from "../billing/customers/payment-methods.ts";
import { cardByNumber, passesLuhn } from "../cards.ts";
import type { Typed } from "./fields.ts";

/** What was typed cannot be a card. The message is for the payer; `field` is where it belongs. */
export class UnusableCard extends Error {
  readonly field: "number" | "exp" | "cvc";

  constructor(field: "number" | "exp" | "cvc", message: string) {
    super(message);
    this.field = field;
  }
}

/** The card that was typed, as far as that can be checked without asking a bank. */
export function typedCard(typed: Typed, now: Date): CardInput {
  const { number: typedNumber = "", exp = "", cvc = "", name = "", email = "" } = typed;
  const number = typedNumber.replace(/[\s-]/g, "");
  if (!passesLuhn(number)) throw new UnusableCard("number", "Your card number is invalid.");
  const [, month = "", year = ""] = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(exp) ?? [];
  const exp_month = Number(month);
  const exp_year = year.length === 2 ? 2000 + Number(year) : Number(year);
  if (exp_month < 1 || exp_month > 12) {
    throw new UnusableCard("exp", "Your card's expiration date is incomplete.");
  }
  // A card is good until the end of the month it names.
  if (Date.UTC(exp_year, exp_month) <= now.getTime()) {
    throw new UnusableCard("exp", "Your card's expiration date is in the past.");
  }
  if (!/^\d{3,4}$/.test(cvc)) throw new UnusableCard("cvc", "Your card's security code is incomplete.");
  return {
    card: cardByNumber(number),
    exp_month,
    exp_year,
    billing_details: { name: name || null, email: email || null },
  };
}
