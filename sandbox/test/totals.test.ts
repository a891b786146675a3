import fc from "fast-check";
import type { InvoiceLine } from "../billing/invoices/lines.ts";
import { type DiscountTerms, dueOf, totalsOf } from "../billing/invoices/totals.ts";
import { fractionOf, minimumCharge, percentOf, split } from "../money.ts";

type Line = Pick<InvoiceLine, "amount" | "discountable" | "discounts" | "pricing">;

const line = (amount: number, more: Partial<Line> = {}): Line => ({
  amount,
  discountable: true,
  discounts: [],
  pricing: null,
  ...more,
});
const off = (terms: Partial<DiscountTerms> & { id: string }): DiscountTerms => ({
  percent_off: null,
  amount_off: null,
  products: null,
  ...terms,
});
const product = (name: string): InvoiceLine["pricing"] => ({
  price_details: { price: "price", product: name },
  type: "price_details",
  unit_amount_decimal: "1",
});
const sum = (parts: { amount: number }[] | null) => (parts ?? []).reduce((all, part) => all + part.amount, 0);

const terms = (id: string) =>
  fc.oneof(
    fc.integer({ min: 1, max: 10_000 }).map((hundredths) => off({ id, percent_off: hundredths / 100 })),
    fc.integer({ min: 1, max: 200_000 }).map((amount_off) => off({ id, amount_off })),
  );
const lines = fc.array(
  fc
    .record({
      amount: fc.integer({ min: -50_000, max: 100_000 }),
      discountable: fc.boolean(),
      own: fc.boolean(),
    })
    .map(({ amount, discountable, own }) => line(amount, { discountable, discounts: own ? ["own"] : [] })),
  { maxLength: 12 },
);

describe("what lines come to", () => {
  test("the discounts of the lines add up to those of the invoice, and none takes a line below zero", () => {
    fc.assert(
      fc.property(lines, terms("own"), terms("a"), terms("b"), (given, own, a, b) => {
        const totals = totalsOf(given, [a, b], new Map([["own", own]]));
        for (const { amount, discountable, discount_amounts } of totals.lines) {
          const taken = sum(discount_amounts);
          expect(taken).toBeGreaterThanOrEqual(0);
          expect(taken).toBeLessThanOrEqual(discountable ? Math.max(0, amount) : 0);
        }
        for (const { amount, discount } of totals.total_discount_amounts ?? []) {
          const parts = totals.lines.flatMap(({ discount_amounts }) => discount_amounts ?? []);
          expect(sum(parts.filter((part) => part.discount === discount))).toBe(amount);
        }
        expect(totals.total).toBe(sum(given) - sum(totals.total_discount_amounts));
        const itemDiscounts = sum(
          (totals.total_discount_amounts ?? []).filter(({ discount }) => discount === "own"),
        );
        expect(totals.subtotal).toBe(sum(given) - itemDiscounts);
      }),
    );
  });

  test("an amount off is taken whole wherever there is that much to take", () => {
    const amounts = fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(amounts, fc.integer({ min: 1, max: 500_000 }), (given, amount_off) => {
        const totals = totalsOf(
          given.map((amount) => line(amount)),
          [off({ id: "a", amount_off })],
        );
        const whole = given.reduce((all, amount) => all + amount, 0);
        expect(sum(totals.total_discount_amounts)).toBe(Math.min(amount_off, whole));
      }),
    );
  });

  test("an amount off is shared in proportion, the odd unit going to the largest fraction", () => {
    const totals = totalsOf([line(1000), line(1000), line(1000)], [off({ id: "a", amount_off: 100 })]);
    expect(totals.lines.map(({ discount_amounts }) => sum(discount_amounts))).toEqual([34, 33, 33]);
  });

  test("discounts stack: each takes of what the ones before have left", () => {
    const totals = totalsOf(
      [line(10_000)],
      [
        off({ id: "a", percent_off: 10 }),
        off({ id: "b", amount_off: 1000 }),
        off({ id: "c", percent_off: 50 }),
      ],
    );
    expect(totals.total_discount_amounts).toEqual([
      { amount: 1000, discount: "a" },
      { amount: 1000, discount: "b" },
      { amount: 4000, discount: "c" },
    ]);
    expect(totals).toMatchObject({ subtotal: 10_000, total: 4000 });
  });

  test("a line's own discount comes first, and is in the subtotal already", () => {
    const totals = totalsOf(
      [line(1000, { discounts: ["own"] }), line(500)],
      [off({ id: "a", percent_off: 50 })],
      new Map([["own", off({ id: "own", amount_off: 200 })]]),
    );
    expect(totals).toMatchObject({ subtotal: 1300, total: 650 });
  });

  test("a coupon for some products leaves the others alone", () => {
    const totals = totalsOf(
      [line(1000, { pricing: product("prod_a") }), line(1000, { pricing: product("prod_b") })],
      [off({ id: "a", percent_off: 100, products: ["prod_b"] })],
    );
    expect(totals.lines.map(({ discount_amounts }) => sum(discount_amounts))).toEqual([0, 1000]);
  });
});

describe("what is due", () => {
  const currency = fc.constantFrom("usd", "gbp", "jpy", "dkk", "mxn");

  test("no money appears or vanishes: what is due and the balance afterwards are the total and the balance before", () => {
    const amount = fc.integer({ min: -100_000, max: 100_000 });
    fc.assert(
      fc.property(amount, amount, currency, (total, balance, money) => {
        const due = dueOf(total, balance, money);
        expect(due.amount_due + due.ending_balance).toBe(total + balance);
        expect(due.amount_due === 0 || due.amount_due >= minimumCharge(money)).toBe(true);
      }),
    );
  });

  test.each([
    { total: 1000, balance: 0, due: 1000, ending: 0 },
    { total: 1000, balance: -300, due: 700, ending: 0 },
    { total: 1000, balance: -3000, due: 0, ending: -2000 },
    { total: 1000, balance: 300, due: 1300, ending: 0 },
    { total: -400, balance: 0, due: 0, ending: -400 },
    { total: -400, balance: 900, due: 0, ending: 500 },
    { total: 49, balance: 0, due: 0, ending: 49 },
    { total: 50, balance: 0, due: 50, ending: 0 },
    { total: 1000, balance: -990, due: 0, ending: 10 },
    { total: 0, balance: 700, due: 0, ending: 700 },
  ])("$total with a balance of $balance: $due is due, $ending stays", ({ total, balance, due, ending }) => {
    expect(dueOf(total, balance, "usd")).toMatchObject({ amount_due: due, ending_balance: ending });
  });
});

describe("parts of amounts", () => {
  test("are rounded half away from zero, exactly", () => {
    expect(percentOf(105, 10)).toBe(11);
    expect(percentOf(-105, 10)).toBe(-11);
    expect(percentOf(104, 10)).toBe(10);
    expect(percentOf(9_999_999, 33.33)).toBe(3_333_000);
    // In floating point 1.005 × 100 is less than 100.5.
    expect(percentOf(100, 1.005 * 100)).toBe(101);
    expect(fractionOf(1000, 1, 3)).toBe(333);
    expect(fractionOf(-1000, 2, 3)).toBe(-667);
    expect(fractionOf(5, 1, 2)).toBe(3);
  });

  test("add up to what was split, in proportion", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999_999 }), weights, (amount, given) => {
        const parts = split(amount, given);
        const whole = given.reduce((all, weight) => all + weight, 0);
        expect(parts.reduce((all, part) => all + part, 0)).toBe(whole === 0 ? 0 : amount);
        for (const [index, part] of parts.entries()) {
          const share = whole === 0 ? 0 : (amount * given[index]!) / whole;
          expect(Math.abs(part - share)).toBeLessThan(1 + 1e-6);
        }
      }),
    );
  });
});
