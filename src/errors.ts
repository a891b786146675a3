import { adviceOn, shownCode } from "./declines.ts";

/** Every code the service answers with, and its HTTP status on routes that are not GraphQL. See docs/errors.md. */
export const ERROR_CODES = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  BAD_USER_INPUT: 400,
  NOT_FOUND: 404,
  LINK_EXPIRED: 410,
  METHOD_NOT_ALLOWED: 405,
  USER_ANONYMIZED: 410,
  CONFLICT: 409,
  ALREADY_SUBSCRIBED: 409,
  ALREADY_PURCHASED: 409,
  PLAN_INACTIVE: 409,
  OFFER_INACTIVE: 409,
  PAYMENT_DECLINED: 402,
  TRIAL_ALREADY_USED: 409,
  REFUND_NOT_ALLOWED: 409,
  SUBSCRIPTION_NOT_ACTIVE: 409,
  PROMOTION_EXPIRED: 409,
  PROMOTION_EXHAUSTED: 409,
  PROMOTION_NOT_APPLICABLE: 409,
  PAYMENT_ACTION_REQUIRED: 402,
  PAYLOAD_TOO_LARGE: 413,
  EXPORT_TOO_LARGE: 422,
  RATE_LIMITED: 429,
  INVALID_SIGNATURE: 400,
  PROVIDER_UNAVAILABLE: 503,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/** What may be told besides code and message. */
export interface ErrorDetails {
  /** The input field at fault, as a path: `input.planId`. */
  field?: string;
  /** True when the same call may succeed later, unchanged. */
  retryable?: boolean;
  /** Why a card was refused: Stripe's decline code, or its error code. */
  declineCode?: string;
  /** In how many seconds the same call may succeed. */
  retryAfter?: number;
}

/** A refusal with a stable code. Its message is for people and says what to do next; it never holds secrets. */
export class DomainError extends Error {
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
    this.status = ERROR_CODES[code];
  }
}

export class Unauthenticated extends DomainError {
  constructor(message = "Sign in first: this needs a valid token.") {
    super("UNAUTHENTICATED", message);
  }
}

export class Forbidden extends DomainError {
  constructor(message = "Your token does not allow this.") {
    super("FORBIDDEN", message);
  }
}

export class BadUserInput extends DomainError {
  constructor(field: string, message: string) {
    super("BAD_USER_INPUT", message, { field });
  }
}

export class NotFound extends DomainError {
  constructor(what: string) {
    super("NOT_FOUND", `There is no such ${what}.`);
  }
}

/** An address that is known, asked with a method that it has not. */
export class MethodNotAllowed extends DomainError {
  constructor(readonly allowed: readonly string[]) {
    super("METHOD_NOT_ALLOWED", `This address takes ${allowed.join(", ")}.`);
  }
}

/** As much as one caller or connection may have: at a time (some of it has to end first), or for so many seconds. */
export class RateLimited extends DomainError {
  constructor(message: string, retryAfterSeconds?: number) {
    const later = retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds };
    super("RATE_LIMITED", message, { retryable: true, ...later });
  }
}

/** A link that lived for minutes, and has. */
export class LinkExpired extends DomainError {
  constructor() {
    super(
      "LINK_EXPIRED",
      "This link has expired. Go back to where you found it, and open it again from there.",
    );
  }
}

/** Somebody whose identity was severed for good, by a token that is still valid or by a fact that comes late. */
export class UserAnonymized extends DomainError {
  constructor() {
    super(
      "USER_ANONYMIZED",
      "This account has been closed and its data anonymised. It cannot be used again.",
    );
  }
}

/** An idempotency key used for something else, or for a call that is still running (then `retryable`). */
export class Conflict extends DomainError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("CONFLICT", message, details);
  }
}

export class AlreadySubscribed extends DomainError {
  constructor() {
    super(
      "ALREADY_SUBSCRIBED",
      "You already have a subscription. Change its plan instead of buying a second one.",
    );
  }
}

/** It is theirs for good: bought, given, or part of a path that is. */
export class AlreadyPurchased extends DomainError {
  constructor() {
    super("ALREADY_PURCHASED", "This is yours already, for good. There is no need to buy it.");
  }
}

export class OfferInactive extends DomainError {
  constructor() {
    super("OFFER_INACTIVE", "This is not on sale by itself. See `offers` for what is.");
  }
}

export class PlanInactive extends DomainError {
  constructor() {
    super("PLAN_INACTIVE", "This plan is not on sale. Choose one from `plans`.");
  }
}

/** The card was refused and nothing was taken; the message says in the learner's words what helps. */
export class PaymentDeclined extends DomainError {
  /** @param declineCode Stripe's decline code or error code; the client sees a plain one where it may not be told */
  constructor(
    readonly declineCode: string,
    cause?: unknown,
  ) {
    super(
      "PAYMENT_DECLINED",
      adviceOn(declineCode).message,
      { declineCode: shownCode(declineCode) as string },
      { cause },
    );
  }
}

/** What is asked needs a subscription in another state: it has ended, or has to be paid for first. */
export class SubscriptionNotActive extends DomainError {
  constructor(message = "This subscription has ended. Choose a plan to begin a new one.") {
    super("SUBSCRIPTION_NOT_ACTIVE", message);
  }
}

/** The bank wants to ask the customer, and what was called has no way to let it. */
export class PaymentActionRequired extends DomainError {
  constructor() {
    super(
      "PAYMENT_ACTION_REQUIRED",
      "Your bank wants to confirm this payment with you. Choose another payment method, or subscribe anew.",
    );
  }
}

/** A trial that somebody began who has had one: it has been ended, and nothing was charged. */
export class TrialAlreadyUsed extends DomainError {
  constructor() {
    super(
      "TRIAL_ALREADY_USED",
      "This card, or its owner, has had a trial before. Nothing was charged. Subscribe again to begin without one.",
    );
  }
}

/** There is nothing, or not as much, that can be given back. */
export class RefundNotAllowed extends DomainError {
  constructor(message: string) {
    super("REFUND_NOT_ALLOWED", message);
  }
}

/** A code of which somebody was told once, and whose time is over. */
export class PromotionExpired extends DomainError {
  constructor(field: string) {
    super("PROMOTION_EXPIRED", "The time for this code is over.", { field });
  }
}

/** A code that has been used as often as it may be: by everybody together, or by this user. */
export class PromotionExhausted extends DomainError {
  constructor(field: string, by: "all" | "you") {
    super(
      "PROMOTION_EXHAUSTED",
      by === "you"
        ? "You have used this code as often as it may be used."
        : "This code has been used as often as it may be used.",
      { field },
    );
  }
}

/** A code that is in use, but for something else, or somewhere else; the message says what for. */
export class PromotionNotApplicable extends DomainError {
  constructor(field: string, message: string) {
    super("PROMOTION_NOT_APPLICABLE", message, { field });
  }
}

/** More is kept of somebody than one answer holds; whoever runs the service writes it to a file. */
export class ExportTooLarge extends DomainError {
  constructor(most: number) {
    super(
      "EXPORT_TOO_LARGE",
      `More than ${most} rows are kept of this user: too many for one answer. Ask support for a file (npm run export).`,
    );
  }
}

/** Stripe did not answer, or not clearly: the outcome is unknown and is being found out. */
export class ProviderUnavailable extends DomainError {
  constructor(cause?: unknown) {
    super(
      "PROVIDER_UNAVAILABLE",
      "The payment provider cannot be reached just now. Nothing is lost: try again in a moment.",
      { retryable: true },
      { cause },
    );
  }
}

/** The service's own parts (its database) are out of reach. */
export class ServiceUnavailable extends DomainError {
  constructor(cause?: unknown) {
    super(
      "SERVICE_UNAVAILABLE",
      "The service cannot answer just now. Try again in a moment.",
      { retryable: true },
      { cause },
    );
  }
}

/** Another change of the user, in this process or another, does not end: there is nothing to do but to wait. */
export class UserHeld extends ServiceUnavailable {}
