import Stripe from "stripe";
import { DomainError, PaymentDeclined, ProviderUnavailable } from "../errors.ts";

/**
 * What a failed call says about its effect.
 * - `declined`: the card was refused; nothing was taken
 * - `refused`: Stripe understood and did nothing; the same call will be refused again
 * - `unknown`: it may or may not have happened, or was put off; ask again under the same idempotency key
 */
export type Outcome = "declined" | "refused" | "unknown";

/** Sorts an error of stripe-node's by {@link Outcome}; anything that is not Stripe's says nothing, so `unknown`. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof PaymentDeclined || error instanceof Stripe.errors.StripeCardError) return "declined";
  // our own refusal of a change whose object is not in the state for it
  if (error instanceof DomainError) return error.details.retryable ? "unknown" : "refused";
  if (error instanceof Stripe.errors.StripeRateLimitError) return "unknown";
  if (error instanceof Stripe.errors.StripeIdempotencyError) return "refused";
  if (error instanceof Stripe.errors.StripeInvalidRequestError) return "refused";
  return "unknown";
}

/** What the rest of the service is told of a failed call: Stripe's own refusals pass as they are. */
export function asTold(error: unknown): unknown {
  if (error instanceof Stripe.errors.StripeCardError)
    return new PaymentDeclined(error.decline_code || error.code || "card_declined", error);
  return outcomeOf(error) === "unknown" ? new ProviderUnavailable(error) : error;
}

/** Whether Stripe answered with a failure of its own (5xx) that it keeps under the idempotency key. */
export function isReplayedFailure(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof Stripe.errors.StripeError)) return false;
  return (cause.statusCode ?? 0) >= 500 && cause.headers?.["idempotent-replayed"] === "true";
}

/** The parameter that Stripe refused a call for. */
export function refusedParam(error: unknown): string | null {
  return error instanceof Stripe.errors.StripeInvalidRequestError ? (error.param ?? null) : null;
}

/** Whether Stripe says, or has said of an intent, that there is no such object. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "resource_missing";
}
