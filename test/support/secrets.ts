/** Ids of Stripe's objects, by their prefixes; `pk_`, which is meant for browsers, is none. */
const STRIPE_ID =
  /\b(?:acct|ba|bps|bpc|card|ch|cn|cs|cus|di|dp|du|evt|ii|il|in|inpay|li|mandate|pi|pm|po|price|prod|promo|py|pyr|re|req|seti|si|src|sub|sub_sched|tok|txn|we)_[A-Za-z0-9_]{6,}/g;

/** What nobody may be told: keys, tokens, secrets of clients, what Stripe knows a card by. */
const SECRETS: [what: string, pattern: RegExp][] = [
  ["a key of Stripe's", /\b[sr]k_(?:test|live)_\w+/g],
  ["a signing secret", /\bwhsec_\w+/g],
  ["a client's secret", /\b(?:pi|seti|cs)_\w+_secret_\w+/g],
  ["a token", /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g],
  ["a fingerprint", /["']?fingerprint["']?\s*[:=]\s*["'][^"']+/gi],
];
/** Fourteen digits and more, as cards have them: alone, or in groups. Moments in milliseconds have thirteen. */
const DIGITS =
  /(?<![\w.-])(?:\d{14,19}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{2,7}|\d{4}[ -]\d{6}[ -]\d{4,5})(?![\w.-])/g;

/** Whether these digits are a card's: their last one is a checksum (ISO/IEC 7812-1, Luhn). */
function isCardNumber(text: string): boolean {
  const digits = [...text.replace(/\D/g, "")].reverse().map(Number);
  const sum = digits.reduce(
    (all, digit, at) => all + (at % 2 === 0 ? digit : [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit]!),
    0,
  );
  return sum % 10 === 0;
}

/** What of a text is secret, with a word for what it is. */
export function secretsIn(text: string): string[] {
  const named = SECRETS.flatMap(([what, pattern]) =>
    (text.match(pattern) ?? []).map((found) => `${what}: ${found}`),
  );
  const cards = (text.match(DIGITS) ?? []).filter(isCardNumber).map((found) => `a card's number: ${found}`);
  return [...named, ...cards];
}

/** Ids of Stripe's in a text. */
export const stripeIdsIn = (text: string): string[] => text.match(STRIPE_ID) ?? [];
