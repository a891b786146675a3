import type { Kinds } from "../../kinds.ts";
import { minimumCharge, percentOf, split, stepOf } from "../../money.ts";
import type { InvoiceLine } from "./lines.ts";

/** What a discount takes off, in the invoice's currency: a percentage or an amount. */
export interface DiscountTerms {
  /** The discount's id. */
  id: string;
  percent_off: number | null;
  amount_off: number | null;
  /** The products it is for; null for all. */
  products: string[] | null;
}

/** What discounts need to know of a line. */
type Discountable = Pick<InvoiceLine, "amount" | "discountable" | "discounts" | "pricing">;

/** What the lines of an invoice come to. */
export type Totals<L = InvoiceLine> = Pick<
  Kinds["invoice"],
  | "subtotal"
  | "subtotal_excluding_tax"
  | "total"
  | "total_excluding_tax"
  | "total_discount_amounts"
  | "total_pretax_credit_amounts"
  | "total_taxes"
> & { lines: (L & Pick<InvoiceLine, "discount_amounts" | "pretax_credit_amounts">)[] };

/** One line while discounts are taken off it. */
interface Position<L = Discountable> {
  line: L;
  /** What discounts may still take. */
  remaining: number;
  taken: { amount: number; discount: string }[];
}

/**
 * The one computation of what an invoice comes to, for real invoices, previews and Checkout alike. The lines'
 * own discounts come first, then those of the invoice, each from what the ones before have left; the
 * discount amounts of the lines add up to `total_discount_amounts` exactly.
 * @param ofInvoice the discounts of the whole invoice, in order
 * @param ofLines the terms of the discounts that lines name themselves
 * @param step what every charge in the currency is a multiple of
 */
export function totalsOf<L extends Discountable>(
  lines: L[],
  ofInvoice: DiscountTerms[],
  ofLines: ReadonlyMap<string, DiscountTerms> = new Map(),
  step = 1,
): Totals<L> {
  const positions = lines.map((line): Position<L> => {
    return { line, remaining: line.discountable ? Math.max(0, line.amount) : 0, taken: [] };
  });
  for (const position of positions) {
    for (const id of position.line.discounts) {
      const terms = ofLines.get(id);
      if (terms) take(terms, [position], step);
    }
  }
  const itemDiscounts = sum(positions.flatMap(({ taken }) => taken));
  for (const terms of ofInvoice) take(terms, positions, step);
  const amount = positions.reduce((total, { line }) => total + line.amount, 0);
  const all = [...new Set(positions.flatMap(({ line }) => line.discounts)), ...ofInvoice.map(({ id }) => id)];
  const total_discount_amounts = [...new Set(all)].map((discount) => ({
    amount: sum(positions.flatMap(({ taken }) => taken).filter((part) => part.discount === discount)),
    discount,
  }));
  const subtotal = amount - itemDiscounts;
  const total = amount - sum(total_discount_amounts);
  return {
    lines: positions.map(discounted),
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_excluding_tax: total,
    total_discount_amounts,
    total_pretax_credit_amounts: credits(total_discount_amounts),
    total_taxes: [],
  };
}

const sum = (parts: { amount: number }[]) => parts.reduce((total, part) => total + part.amount, 0);

function take(terms: DiscountTerms, positions: Position[], step: number): void {
  const { products } = terms;
  const eligible = positions.filter(
    ({ line, remaining }) =>
      remaining > 0 && (!products || products.includes(line.pricing?.price_details?.product ?? "")),
  );
  const remaining = eligible.map((position) => position.remaining);
  const amounts =
    terms.percent_off === null
      ? split(
          Math.min(
            terms.amount_off ?? 0,
            remaining.reduce((a, b) => a + b, 0),
          ),
          remaining,
          step,
        )
      : remaining.map((amount) => Math.min(amount, percentOf(amount, terms.percent_off!, step)));
  for (const [index, position] of eligible.entries()) {
    position.remaining -= amounts[index]!;
    position.taken.push({ amount: amounts[index]!, discount: terms.id });
  }
}

const credits = (amounts: { amount: number; discount: string }[]) =>
  amounts.map(({ amount, discount }) => ({ amount, discount, type: "discount" as const }));

const discounted = <L>({ line, taken }: Position<L>) => ({
  ...line,
  discount_amounts: taken,
  pretax_credit_amounts: credits(taken),
});

/** What has to be paid for a total, given what the customer has in credit (below 0) or owes (above 0). */
export interface Due {
  amount_due: number;
  /** The customer's balance afterwards. */
  ending_balance: number;
  /** The part of the ending balance that was too small to charge, or less than the currency's step. */
  too_small: number;
}

/**
 * Credit pays first; a total below zero becomes credit; what is too small to charge is owed with the
 * next invoice. https://docs.stripe.com/billing/customer/balance
 */
export function dueOf(total: number, balance: number, currency: string): Due {
  if (total === 0) return { amount_due: 0, ending_balance: balance, too_small: 0 };
  const due = total + balance;
  if (total < 0 || due <= 0) return { amount_due: 0, ending_balance: due, too_small: 0 };
  if (due < minimumCharge(currency)) return { amount_due: 0, ending_balance: due, too_small: due };
  const loose = due % stepOf(currency);
  return { amount_due: due - loose, ending_balance: loose, too_small: loose };
}
