import type { CheckoutDetails, Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import { priceAmount } from "./pricing.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];

/** What a line item costs each time it is billed; usage costs nothing until it has been used. */
export function itemAmount(tx: Transaction, { price, quantity, currency }: LineItem): number {
  if (price!.recurring?.usage_type === "metered") return 0;
  return priceAmount(tx, price!, quantity ?? 1, currency);
}

/** The items with the amounts that are due when the session is paid: a trial postpones what recurs. */
export function reckoned(tx: Transaction, items: LineItem[], isTrial: boolean): LineItem[] {
  return items.map((item) => {
    const amount = isTrial && item.price!.recurring ? 0 : itemAmount(tx, item);
    return { ...item, amount_subtotal: amount, amount_discount: 0, amount_total: amount };
  });
}

/** What a session shows of its items' amounts. */
export function totals(
  items: LineItem[],
): Pick<Session, "amount_subtotal" | "amount_total" | "total_details"> {
  const sum = (name: "amount_subtotal" | "amount_discount" | "amount_total") =>
    items.reduce((total, item) => total + item[name], 0);
  return {
    amount_subtotal: sum("amount_subtotal"),
    amount_total: sum("amount_total"),
    total_details: { amount_discount: sum("amount_discount"), amount_shipping: 0, amount_tax: 0 },
  };
}
