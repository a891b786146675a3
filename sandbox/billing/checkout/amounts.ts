import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import { stepOf } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";
import { termsOfCoupon } from "../catalogue/coupons.ts";
import { priceAmount } from "../catalogue/pricing.ts";
import type { InvoiceLine } from "../invoices/lines.ts";
import { type DiscountTerms, totalsOf } from "../invoices/totals.ts";
import { assertChargeable } from "../payments/amounts.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];

/** What a line item costs each time it is billed; usage costs nothing until it has been used. */
export function itemAmount(tx: Transaction, { price, quantity, currency }: LineItem): number {
  if (price!.recurring?.usage_type === "metered") return 0;
  return priceAmount(tx, price!, quantity ?? 1, currency);
}

/** Whether what recurs costs nothing yet. */
export function isTrial({ subscription_data: data }: Pick<CheckoutDetails, "subscription_data">): boolean {
  return data.trial_end !== null || data.trial_period_days !== null;
}

/** The items with the amounts that are due when the session is paid: a trial postpones what recurs. */
export function reckoned(
  tx: Transaction,
  details: Pick<CheckoutDetails, "line_items" | "subscription_data">,
  coupon: Kinds["coupon"] | undefined,
): LineItem[] {
  const { line_items } = details;
  const lines = line_items.map((item) => ({
    item,
    amount: isTrial(details) && item.price!.recurring ? 0 : itemAmount(tx, item),
    discountable: true,
    discounts: [],
    pricing: pricingOf(item),
  }));
  const currency = line_items[0]?.currency ?? "";
  const terms: DiscountTerms[] = coupon ? [{ id: coupon.id, ...termsOfCoupon(tx, coupon, currency) }] : [];
  return totalsOf(lines, terms, new Map(), stepOf(currency)).lines.map(
    ({ item, amount, discount_amounts }) => {
      const amount_discount = (discount_amounts ?? []).reduce((sum, part) => sum + part.amount, 0);
      return { ...item, amount_subtotal: amount, amount_discount, amount_total: amount - amount_discount };
    },
  );
}

/** How lines of invoices name the price of a line item. */
export function pricingOf({ price }: LineItem): InvoiceLine["pricing"] {
  return {
    price_details: { price: price!.id, product: price!.product },
    type: "price_details",
    unit_amount_decimal: price!.unit_amount_decimal,
  };
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

/** Refuses a total that cannot be charged; nothing at all is fine. */
export function assertPayable(amount: number, currency: string): void {
  if (amount !== 0) assertChargeable(amount, currency, { noun: "The Checkout Session's total amount due" });
}
