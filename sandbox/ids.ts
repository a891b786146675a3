import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Random bytes are asked for in advance: an invoice alone needs some two hundred. */
const POOL_BYTES = 8192;
let pool = randomBytes(POOL_BYTES);
let used = 0;

function randomByte(): number {
  if (used === POOL_BYTES) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  return pool[used++]!;
}

/** Random letters and digits, as Stripe's ids have them. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    const byte = randomByte();
    // 248 = 4 × 62: bytes above it would favour the first letters.
    if (byte < 248) text += ALPHABET[byte % 62];
  }
  return text;
}

/** What follows the prefix, where it is not Stripe's usual 24. */
const LENGTHS: Record<string, number> = { cus: 14, prod: 14, si: 14, cs_test: 58, req: 14 };

/** A new id such as `cus_NffrFeUfNV2Hib`. */
export function newId(prefix: string): string {
  return `${prefix}_${randomText(LENGTHS[prefix] ?? 24)}`;
}
