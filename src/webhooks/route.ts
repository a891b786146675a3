import express, { type ErrorRequestHandler, Router } from "express";
import { reached } from "../crash-points.ts";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { isSignedByStripe } from "../stripe/signature.ts";
import { nameSpan } from "../tracing.ts";
import type { Inbox, ReceivedEvent } from "./inbox.ts";
import { isStorable, storable } from "./storable.ts";

const MAX_BODY = "1mb";

/** No control character, and no half of a character. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** What is answered to a delivery. */
export interface Answer {
  status: number;
  body: object;
}

/** Takes what was delivered, as it came, with its signature. Never throws. */
export type Take = (body: unknown, signature: string | undefined) => Promise<Answer>;

/**
 * Verifies the signature on the raw body, stores the event, answers 200. Anything that is not a signed event is refused
 * and leaves nothing behind; when the database is away Stripe is told to retry.
 */
export function takeDeliveries(
  secrets: readonly string[],
  inbox: Inbox,
  metrics: Metrics,
  logger: Logger,
): Take {
  return async (body, signature) => {
    const isSigned = signature && Buffer.isBuffer(body) && isSignedByStripe(body, signature, secrets);
    if (!isSigned) return refusal(metrics, "INVALID_SIGNATURE", "This is not signed with our secret.");
    const event = eventIn(body.toString("utf8"));
    if (!event) return refusal(metrics, "BAD_USER_INPUT", "This is no event: JSON with an id and a type.");
    nameSpan(`webhook ${event.type}`);
    try {
      const isNew = await inbox.receive(event);
      reached("webhook-stored");
      metrics.webhooks.inc({ outcome: isNew ? "stored" : "repeated" });
      return { status: 200, body: { received: true } };
    } catch (error) {
      logger.error(
        { err: error, eventId: event.id },
        "an event could not be stored; Stripe will send it again",
      );
      return refusal(metrics, "SERVICE_UNAVAILABLE", "The event cannot be stored now. Send it again.");
    }
  };
}

/** `POST /webhooks/stripe`, however it is sent. */
export function webhookRoute(take: Take, metrics: Metrics): Router {
  const router = Router();
  router.post("/", express.raw({ type: () => true, limit: MAX_BODY }), async (request, response) => {
    const { status, body } = await take(request.body, request.get("stripe-signature"));
    response.status(status).json(body);
  });
  router.use(bodyErrors(metrics));
  return router;
}

/** An event, as PostgreSQL can keep it; null for what is none. */
function eventIn(text: string): ReceivedEvent | null {
  try {
    const event: unknown = JSON.parse(text);
    if (!isEvent(event)) return null;
    return isStorable(text) ? event : storable(event);
  } catch {
    return null;
  }
}

/** What every event has, snapshot or thin (v2). */
function isEvent(value: unknown): value is ReceivedEvent {
  if (typeof value !== "object" || value === null) return false;
  const { id, type, livemode, api_version: version } = value as Record<string, unknown>;
  const isNamed = [id, type].every((name) => typeof name === "string" && NAME.test(name));
  const isKnown = livemode === undefined || typeof livemode === "boolean";
  return isNamed && isKnown && (version == null || typeof version === "string");
}

/** A body over the limit is 413, one that cannot be read 400. */
function bodyErrors(metrics: Metrics): ErrorRequestHandler {
  return (error: { status?: number }, _request, response, _next) => {
    const { status, body } =
      error.status === 413
        ? refusal(metrics, "PAYLOAD_TOO_LARGE", "An event has at most 1 MB.")
        : refusal(metrics, "BAD_USER_INPUT", "The body cannot be read.");
    response.status(status).json(body);
  };
}

function refusal(metrics: Metrics, code: ErrorCode, error: string): Answer {
  metrics.webhooks.inc({ outcome: "refused" });
  return { status: ERROR_CODES[code], body: { code, error } };
}
