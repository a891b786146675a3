import express, { type ErrorRequestHandler, type Request, type Response, Router } from "express";
import { z } from "zod";
import { reached } from "../crash-points.ts";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { isSignedByStripe } from "../stripe/signature.ts";
import type { Inbox, ReceivedEvent } from "./inbox.ts";
import { storable } from "./storable.ts";

const MAX_BODY = "1mb";

/** No control character, and no half of a character. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** What every event has, snapshot or thin (v2). */
const envelope = z.looseObject({
  id: z.string().regex(NAME),
  type: z.string().regex(NAME),
  livemode: z.boolean().optional(),
  api_version: z.string().nullish(),
});

/**
 * `POST /webhooks/stripe`: verifies the signature on the raw body, stores the event, answers 200. Anything that
 * is not a signed event is refused and leaves nothing behind; when the database is away Stripe is told to retry.
 */
export function webhookRoute(
  secrets: readonly string[],
  inbox: Inbox,
  metrics: Metrics,
  logger: Logger,
): Router {
  const router = Router();
  router.post("/", express.raw({ type: () => true, limit: MAX_BODY }), async (request, response) => {
    const body = signedBody(request, secrets);
    if (!body) return refuse(response, metrics, "INVALID_SIGNATURE", "This is not signed with our secret.");
    const event = eventIn(body);
    if (!event)
      return refuse(response, metrics, "BAD_USER_INPUT", "This is no event: JSON with an id and a type.");
    try {
      const isNew = await inbox.receive(event);
      reached("webhook-stored");
      metrics.webhooks.inc({ outcome: isNew ? "stored" : "repeated" });
      response.status(200).json({ received: true });
    } catch (error) {
      logger.error(
        { err: error, eventId: event.id },
        "an event could not be stored; Stripe will send it again",
      );
      refuse(response, metrics, "SERVICE_UNAVAILABLE", "The event cannot be stored now. Send it again.");
    }
  });
  router.use(bodyErrors(metrics));
  return router;
}

function signedBody(request: Request, secrets: readonly string[]): Buffer | null {
  const header = request.get("stripe-signature");
  const body: unknown = request.body;
  return header && Buffer.isBuffer(body) && isSignedByStripe(body, header, secrets) ? body : null;
}

function eventIn(body: Buffer): ReceivedEvent | null {
  try {
    return storable(envelope.parse(JSON.parse(body.toString("utf8"))));
  } catch {
    return null;
  }
}

/** A body over the limit is 413, one that cannot be read 400. */
function bodyErrors(metrics: Metrics): ErrorRequestHandler {
  return (error: { status?: number }, _request, response, _next) => {
    if (error.status === 413) refuse(response, metrics, "PAYLOAD_TOO_LARGE", "An event has at most 1 MB.");
    else refuse(response, metrics, "BAD_USER_INPUT", "The body cannot be read.");
  };
}

function refuse(response: Response, metrics: Metrics, code: ErrorCode, error: string): void {
  metrics.webhooks.inc({ outcome: "refused" });
  response.status(ERROR_CODES[code]).json({ code, error });
}
