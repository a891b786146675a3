/** The body of Stripe's `error` objects, as far as the sandbox fills it. */
export interface ErrorBody {
  type: "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";
  message: string;
  code?: string;
  decline_code?: string;
  param?: string;
  doc_url?: string;
  charge?: string;
  payment_intent?: object;
  payment_method?: object;
  setup_intent?: object;
}

interface Traits {
  /** The request failed but what it did stays: a declined charge is a charge. */
  keepsEffects?: boolean;
  /** Found before any work began: not kept under an idempotency key. */
  validation?: boolean;
}

/** A refusal in Stripe's words. https://docs.stripe.com/api/errors */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  readonly keepsEffects: boolean;
  readonly validation: boolean;

  constructor(status: number, body: ErrorBody, traits: Traits = {}) {
    super(body.message);
    this.status = status;
    this.body = body.code
      ? { ...body, doc_url: `https://stripe.com/docs/error-codes/${body.code.replaceAll("_", "-")}` }
      : body;
    this.keepsEffects = traits.keepsEffects ?? false;
    this.validation = traits.validation ?? false;
  }
}

/** The name of a parameter inside another one; outside of any it is its own. */
export const paramIn = (outer: string, name: string): string => (outer ? `${outer}[${name}]` : name);

/** A parameter that is not as its description says. */
export function invalidParameter(param: string, message: string, code?: string): ApiError {
  return new ApiError(
    400,
    { type: "invalid_request_error", message, param, ...(code && { code }) },
    { validation: true },
  );
}

/** A request that is well formed but impossible in the state things are in. */
export function invalidRequest(message: string, extra: { param?: string; code?: string } = {}): ApiError {
  return new ApiError(400, { type: "invalid_request_error", message, ...extra });
}

/** An id nobody knows: 404 for the object asked for, 400 when another object's parameter names it. */
export function noSuch(noun: string, id: string, param = "id"): ApiError {
  return new ApiError(
    param === "id" ? 404 : 400,
    { type: "invalid_request_error", code: "resource_missing", message: `No such ${noun}: '${id}'`, param },
    { validation: true },
  );
}

export function unknownUrl(method: string, path: string): ApiError {
  const message = `Unrecognized request URL (${method}: ${path}). The sandbox knows the part of Stripe's API that its README lists.`;
  return new ApiError(404, { type: "invalid_request_error", message }, { validation: true });
}

export function unauthorized(message: string): ApiError {
  return new ApiError(401, { type: "invalid_request_error", message }, { validation: true });
}

/** How each line of the log begins that tells of a failure of the sandbox, rather than one of its caller. */
export const OWN_FAULT = "The sandbox itself has failed";

/** Tells the log what went wrong in the sandbox itself; returns what a caller who has met it gets. */
export function ownFault(log: (line: string) => void, what: string, error: unknown): ApiError {
  log(`${OWN_FAULT}, ${what}: ${error instanceof Error ? error.stack : error}`);
  return new ApiError(500, { type: "api_error", message: `${OWN_FAULT}; its log says more.` });
}
