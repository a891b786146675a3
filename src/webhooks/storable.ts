/** Far deeper than any object of Stripe's; PostgreSQL's parser ends at some thousands. */
const DEEPEST = 200;
const BRACE = "{".charCodeAt(0);
const BRACKET = "[".charCodeAt(0);
const NUL = "\u0000";
const LONE_HALF = /\p{Cs}/gu;
/** U+2400, the visible sign for it. */
const SIGN_FOR_NUL = "\u2400";

/** What a text may hold that cannot be kept: an escaped character, or a number that is none. */
const DOUBTFUL = /\\u|[:[,]\s*-?[\d.]+e/i;

/** Whether JSON as text can be kept as it is, as far as that is seen at a glance: for most of it. */
export function isStorable(text: string): boolean {
  let opened = 0;
  for (let at = 0; at < text.length && opened < DEEPEST; at++) {
    const code = text.charCodeAt(at);
    if (code === BRACE || code === BRACKET) opened += 1;
  }
  return opened < DEEPEST && !DOUBTFUL.test(text);
}

/**
 * JSON as PostgreSQL can keep it, which takes neither the character NUL nor half of a surrogate pair, in keys or
 * values: NUL becomes U+2400 (␀), a lone half U+FFFD (�). What needs no change stays as it is.
 * @throws RangeError for what is nested more than 200 deep
 */
export function storable<T>(value: T): T {
  return copy(value, 0) as T;
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === "string") return kept(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === DEEPEST) throw new RangeError("nested too deeply");
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [kept(key), copy(item, depth + 1)]));
}

const kept = (text: string) => text.replaceAll(NUL, SIGN_FOR_NUL).replaceAll(LONE_HALF, "\ufffd");
