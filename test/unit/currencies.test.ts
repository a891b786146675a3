import { formatMoney, stepOf } from "../../sandbox/money.ts";
import { countingOf, moneyText } from "../../src/currencies.ts";
import { Plan } from "../../src/entities/plan.ts";
import { Promotion } from "../../src/entities/promotion.ts";
import { Currency } from "../../src/types/scalars.ts";

test.each<[number, string, string]>([
  [3900, "USD", "39.00 USD"],
  [5, "USD", "0.05 USD"],
  [0, "EUR", "0.00 EUR"],
  [-150, "EUR", "-1.50 EUR"],
  [500, "JPY", "500 JPY"],
  [0, "JPY", "0 JPY"],
  [1500, "KWD", "1.500 KWD"],
  [50, "BHD", "0.050 BHD"],
  [50_000, "ISK", "500.00 ISK"],
  [99_999_999, "USD", "999999.99 USD"],
  [Number.MAX_SAFE_INTEGER, "USD", "90071992547409.91 USD"],
])("%d of %s reads %s", (amount, currency, text) => {
  expect(moneyText(amount, currency)).toBe(text);
});

test.each<[string, number, number, number]>([
  // of 34,900: a third of a price taken off, and a month of a yearly plan
  ["USD", 34_900, 11_517, 2_908],
  ["JPY", 34_900, 11_517, 2_908],
  ["KWD", 34_900, 11_520, 2_910],
  ["ISK", 34_900, 11_500, 2_900],
])("%s: what is computed of a price can be charged", (currency, amountMinor, third, month) => {
  const promotion = Object.assign(new Promotion(), { percentOff: 33 });
  expect(promotion.amountOff({ amountMinor, currency })).toBe(third);
  const plan = Object.assign(new Plan(), { amountMinor, currency, interval: "YEAR" });
  expect(plan.monthlyPrice).toEqual({ amount: month, currency });
});

test("each currency that can be charged can be answered with, and is charged in whole steps", () => {
  const codes = Array.from({ length: 26 ** 3 }, (_, at) =>
    [at / 676, (at / 26) % 26, at % 26].map((n) => String.fromCharCode(65 + Math.floor(n))).join(""),
  ).filter((code) => countingOf(code));
  expect(codes.length).toBeGreaterThan(130);
  for (const code of codes) {
    expect(() => Currency.serialize(code)).not.toThrow();
    const { minimum, step, decimals } = countingOf(code)!;
    expect(minimum % step).toBe(0);
    // the sandbox counts by a table of its own
    const lower = code.toLowerCase();
    expect([code, stepOf(lower)]).toEqual([code, step]);
    const digits = formatMoney(123_000, lower).replace(/[^\d]/g, "");
    expect([code, digits]).toEqual([code, moneyText(123_000, code).replace(/[^\d]/g, "")]);
    expect(10 ** decimals % step).toBe(0);
  }
  for (const unknown of ["usd", "XTS", "XAU", "HRK", "", "constructor"])
    expect(countingOf(unknown)).toBeUndefined();
});
