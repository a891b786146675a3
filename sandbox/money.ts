const ZERO_DECIMAL = new Set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "));
const THREE_DECIMAL = new Set("bhd jod kwd omr tnd".split(" "));
const PLACES = 12;

function minorDigits(currency: string): number {
  return ZERO_DECIMAL.has(currency) ? 0 : THREE_DECIMAL.has(currency) ? 3 : 2;
}

/** Minor units as people read them: 3900 usd → $39.00. https://docs.stripe.com/currencies */
export function formatMoney(amountMinor: number, currency: string, locale = "en-US"): string {
  const digits = minorDigits(currency);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amountMinor / 10 ** digits);
}

/** Minor units of `quantity` pieces at a decimal price (in minor units), half away from zero. */
export function multiply(unitAmountDecimal: string, quantity: number): number {
  const [whole = "0", fraction = ""] = unitAmountDecimal.replace("-", "").split(".");
  const scaled = BigInt(whole + fraction.padEnd(PLACES, "0")) * BigInt(quantity);
  const unit = 10n ** BigInt(PLACES);
  const rounded = Number((scaled + unit / 2n) / unit);
  return unitAmountDecimal.startsWith("-") ? -rounded : rounded;
}

/** A decimal without a trailing fraction of zeros: "10.50" → "10.5". */
export function plainDecimal(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
