/** How Stripe counts money in a currency. https://docs.stripe.com/currencies */
interface Counting {
  /** Digits after the point that minor units stand for. */
  decimals: number;
  /** What every charge is a multiple of, in minor units. */
  step: number;
  /** The least that can be charged, in minor units. */
  minimum: number;
}

/** More than eight digits cannot be charged, whatever the currency. */
export const MAX_CHARGE_MINOR = 99_999_999;

const list = (codes: string) => codes.split(" ");
const ZERO_DECIMAL = list("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF");
const THREE_DECIMAL = list("BHD JOD KWD OMR TND");
/** Without minor units by now, but still sent as if they had two digits. */
const WHOLE_OF_TWO_DECIMAL = list("ISK UGX");
const TWO_DECIMAL = list(
  `AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE
CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT
LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD
YER ZAR ZMW`.replaceAll("\n", " "),
);

/** As Stripe lists them; of the others it only asks that fifty US cents come out of it. */
const MINIMUMS: Record<string, number> = {
  ...{ AED: 200, AUD: 50, BRL: 50, CAD: 50, CHF: 50, CZK: 1500, DKK: 250, EUR: 50, GBP: 30, HKD: 400 },
  ...{ HUF: 17_500, INR: 50, JPY: 50, MXN: 1000, MYR: 200, NOK: 300, NZD: 50, PLN: 200, RON: 200 },
  ...{ SEK: 300, SGD: 50, THB: 1000, USD: 50 },
};

const counted = (codes: string[], decimals: number, step: number) =>
  codes.map((code): [string, Counting] => [
    code,
    { decimals, step, minimum: Math.max(step, MINIMUMS[code] ?? 1) },
  ]);

const CURRENCIES = new Map([
  ...counted(ZERO_DECIMAL, 0, 1),
  ...counted(TWO_DECIMAL, 2, 1),
  ...counted(WHOLE_OF_TWO_DECIMAL, 2, 100),
  ...counted(THREE_DECIMAL, 3, 10),
]);

/** How a currency is counted; undefined for one that cannot be charged. @param currency ISO 4217, upper case */
export const countingOf = (currency: string): Counting | undefined => CURRENCIES.get(currency);

/** Rounded to what can be charged, half up: whole yen, and no odd fils. In minor units. */
export function chargeable(amountMinor: number, currency: string): number {
  const step = countingOf(currency)?.step ?? 1;
  return Math.floor(amountMinor / step + 0.5) * step;
}

/** Minor units as people read them, without rounding: 3900 USD is `39.00 USD`, 500 JPY `500 JPY`, 1500 KWD `1.500 KWD`. */
export function moneyText(amountMinor: number, currency: string): string {
  const decimals = countingOf(currency)?.decimals ?? 2;
  const digits = String(Math.abs(amountMinor)).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals > 0 ? `.${digits.slice(-decimals)}` : "";
  return `${amountMinor < 0 ? "-" : ""}${whole}${fraction} ${currency}`;
}
