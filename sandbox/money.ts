const ZERO_DECIMAL = new Set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "));
const THREE_DECIMAL = new Set("bhd jod kwd omr tnd".split(" "));
const PLACES = 12;

function minorDigits(currency: string): number {
  return ZERO_DECIMAL.has(currency) ? 0 : THREE_DECIMAL.has(currency) ? 3 : 2;
}

const formats = new Map<string, Intl.NumberFormat>();

/** Making a format is slow, so each is made once. */
function formatOf(currency: string, locale: string): Intl.NumberFormat {
  const known = formats.get(`${currency} ${locale}`);
  if (known) return known;
  const digits = minorDigits(currency);
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  formats.set(`${currency} ${locale}`, format);
  return format;
}

/** Minor units as people read them: 3900 usd → $39.00. https://docs.stripe.com/currencies */
export function formatMoney(amountMinor: number, currency: string, locale = "en-US"): string {
  return formatOf(currency, locale).format(amountMinor / 10 ** minorDigits(currency));
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

/** Percent with up to four places, as an exact fraction of 1,000,000. */
const millionths = (percent: number): bigint => BigInt(Math.round(percent * 10_000));

/** A quotient as a number of steps, half away from zero. */
function roundedQuotient(numerator: bigint, denominator: bigint, step: number): number {
  const divisor = denominator * BigInt(step);
  const doubled = 2n * (numerator < 0n ? -numerator : numerator);
  const rounded = Number((doubled + divisor) / (2n * divisor)) * step;
  return numerator < 0n ? -rounded : rounded;
}

/** `percent` (up to four places) of an amount in minor units, half away from zero, in whole steps. */
export function percentOf(amountMinor: number, percent: number, step = 1): number {
  return roundedQuotient(BigInt(amountMinor) * millionths(percent), 1_000_000n, step);
}

/**
 * `numerator / denominator` of an amount in minor units, half away from zero, in whole steps; the
 * denominator is above 0.
 */
export function fractionOf(amountMinor: number, numerator: number, denominator: number, step = 1): number {
  return roundedQuotient(BigInt(amountMinor) * BigInt(numerator), BigInt(denominator), step);
}

/**
 * Splits an amount in proportion to `weights` (none below 0) into parts that add up to it exactly:
 * rounded down to whole steps, the rest a step each to the largest fractions. What is less than a step
 * goes to the first part.
 */
export function split(amountMinor: number, weights: number[], step = 1): number[] {
  if (step === 1) return inUnits(amountMinor, weights);
  const loose = amountMinor % step;
  const steps = inUnits((amountMinor - loose) / step, weights);
  const first = weights.findIndex((weight) => weight > 0);
  return steps.map((count, index) => count * step + (index === first ? loose : 0));
}

function inUnits(amountMinor: number, weights: number[]): number[] {
  const sum = weights.reduce((total, weight) => total + BigInt(weight), 0n);
  if (sum === 0n) return weights.map(() => 0);
  const shares = weights.map((weight, index) => {
    const product = BigInt(amountMinor) * BigInt(weight);
    return { index, whole: Number(product / sum), fraction: product % sum };
  });
  let rest = amountMinor - shares.reduce((total, { whole }) => total + whole, 0);
  const parts = shares.map(({ whole }) => whole);
  const byFraction = [...shares].sort((a, b) =>
    a.fraction < b.fraction ? 1 : a.fraction > b.fraction ? -1 : 0,
  );
  for (const { index } of byFraction) {
    if (rest === 0) break;
    parts[index]! += 1;
    rest -= 1;
  }
  return parts;
}

const MINIMUM_CHARGES: Record<string, number> = {
  dkk: 250,
  gbp: 30,
  hkd: 400,
  mxn: 1000,
  nok: 300,
  pln: 200,
  sek: 300,
};

/** The least that can be charged, in minor units. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
export function minimumCharge(currency: string): number {
  return MINIMUM_CHARGES[currency] ?? 50;
}

/** Currencies whose charges are a round number of minor units. https://docs.stripe.com/currencies#special-cases */
const STEPS: Record<string, number> = { bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10, isk: 100, ugx: 100 };

/** What every charge in a currency is a multiple of, in minor units. */
export function stepOf(currency: string): number {
  return STEPS[currency] ?? 1;
}
