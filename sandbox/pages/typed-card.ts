import type { CardInput } from "../billing/payment-methods.ts";
import { cardByNumber, passesLuhn } from "../cards.ts";
import type { Typed } from "./checkout-view.ts";

/** What was typed cannot be a card. The message is for the payer. */
export class UnusableCard extends Error {}

/** The card that was typed, as far as that can be checked without asking a bank. */
export function typedCard(typed: Typed, now: Date): CardInput {
  const number = typed.number.replace(/[\s-]/g, "");
  if (!passesLuhn(number)) throw new UnusableCard("Your card number is invalid.");
  const [, month = "", year = ""] = /^\s*(\d{1,2})\s*\/?\s*(\d{2}|\d{4})\s*$/.exec(typed.exp) ?? [];
  const exp_month = Number(month);
  const exp_year = year.length === 2 ? 2000 + Number(year) : Number(year);
  if (exp_month < 1 || exp_month > 12) throw new UnusableCard("Your card's expiration date is incomplete.");
  // A card is good until the end of the month it names.
  if (Date.UTC(exp_year, exp_month) <= now.getTime()) {
    throw new UnusableCard("Your card's expiration date is in the past.");
  }
  if (!/^\d{3,4}$/.test(typed.cvc.trim())) throw new UnusableCard("Your card's security code is incomplete.");
  const name = typed.name.trim() || null;
  return {
    card: cardByNumber(number),
    exp_month,
    exp_year,
    billing_details: { name, email: typed.email || null },
  };
}
