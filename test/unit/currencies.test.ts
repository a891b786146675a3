import { countingOf, moneyText } from "../../src/currencies.ts";
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

test("each currency that can be charged can be answered with, and is charged in whole steps", () => {
  const codes = Array.from({ length: 26 ** 3 }, (_, at) =>
    [at / 676, (at / 26) % 26, at % 26].map((n) => String.fromCharCode(65 + Math.floor(n))).join(""),
  ).filter((code) => countingOf(code));
  expect(codes.length).toBeGreaterThan(130);
  for (const code of codes) {
    expect(() => Currency.serialize(code)).not.toThrow();
    const { minimum, step, decimals } = countingOf(code)!;
    expect(minimum % step).toBe(0);
    expect(10 ** decimals % step).toBe(0);
  }
  for (const unknown of ["usd", "XTS", "XAU", "HRK", "", "constructor"])
    expect(countingOf(unknown)).toBeUndefined();
});
