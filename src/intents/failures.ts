import type { Intent } from "../entities/intent.ts";
import { DomainError, ERROR_CODES, type ErrorCode, PaymentDeclined } from "../errors.ts";
import { outcomeOf } from "../stripe/errors.ts";

const LAPSED = "intent_lapsed";

/** An attempt was lost so long ago that it can neither be repeated nor found: it has failed. */
export class IntentLapsed extends Error {
  readonly code = LAPSED;
  constructor() {
    super("The change was never made at Stripe and is too old to be made now.");
  }
}

/** Stripe's refusal of an intent, as it was noted: for those who did not make the call themselves. */
class IntentRefused extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** Whether an intent has ended without effect, so that the next may begin. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof IntentRefused || error instanceof IntentLapsed || outcomeOf(error) !== "unknown";

const UNSAID: NonNullable<Intent["error"]> = { code: "", message: "Stripe refused the change." };

/** The refusal again, for those who waited for it or come later. */
export function failureOf(intent: Intent): Error {
  const { code, message, declineCode, field } = intent.error ?? UNSAID;
  if (code === LAPSED) return new IntentLapsed();
  if (declineCode) return new PaymentDeclined(declineCode);
  if (code in ERROR_CODES) return new DomainError(code as ErrorCode, message, field ? { field } : {});
  return new IntentRefused(message, code);
}
