import { createHash } from "node:crypto";
import { ApiError, invalidRequest } from "./errors.ts";
import type { Raw } from "./form.ts";
import type { IdempotencyRecord } from "./kinds.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";

const KEPT_SECONDS = 24 * 3600;
const MAX_KEY = 255;

/** A hash of what a key stands for: the same operation with the same parameters. */
export function fingerprint(method: string, path: string, params: { [name: string]: Raw }): string {
  return createHash("sha256")
    .update(JSON.stringify([method, path, params]))
    .digest("base64url");
}

/**
 * The answer already given under this key, if any.
 * Throws `idempotency_error` for other parameters. https://docs.stripe.com/api/idempotent_requests
 */
export function earlierAnswer(
  store: Store,
  key: string,
  print: string,
  now: number,
): IdempotencyRecord | undefined {
  if (key.length > MAX_KEY)
    throw invalidRequest(`Idempotency keys can be at most ${MAX_KEY} characters long.`);
  const record = store.get("idempotency_record", key);
  if (!record || now - record.created > KEPT_SECONDS) return undefined;
  if (record.fingerprint === print) return record;
  throw new ApiError(400, {
    type: "idempotency_error",
    message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  });
}

/** How many old keys one request clears away. */
const CLEARED_AT_ONCE = 100;

/** Takes away what is kept no longer, the oldest first. */
export function forgetOldKeys(tx: Transaction, now: number): void {
  let cleared = 0;
  for (const record of tx.oldest("idempotency_record")) {
    if (now - record.created <= KEPT_SECONDS || cleared++ === CLEARED_AT_ONCE) return;
    tx.remove("idempotency_record", record.id);
  }
}

/** Another request with this key is being worked on. */
export function keyInUse(key: string): ApiError {
  return new ApiError(409, {
    type: "idempotency_error",
    code: "idempotency_key_in_use",
    message: `There is currently another in-progress request using this Idempotent Key (${key}). Please try again later.`,
  });
}
