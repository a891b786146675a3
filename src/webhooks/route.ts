import express, { type ErrorRequestHandler, type Request, type Response, Router } from "express";
import Stripe from "stripe";
import { z } from "zod";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Inbox, ReceivedEvent } from "./inbox.ts";

const MAX_BODY = "1mb";
const TOLERANCE_SECONDS = 300;

/** What every event has, snapshot or thin (v2). */
const envelope = z.looseObject({
  id: z.string().min(1).max(255),
  type: z.string().min(1).max(255),
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
    const event = verifiedEvent(request, secrets);
    if (!event) return refuse(response, metrics, 400, "This is not an event signed with our secret.");
    try {
      const isNew = await inbox.receive(event);
      metrics.webhooks.inc({ outcome: isNew ? "stored" : "repeated" });
      response.status(200).json({ received: true });
    } catch (error) {
      logger.error(
        { err: error, eventId: event.id },
        "an event could not be stored; Stripe will send it again",
      );
      refuse(response, metrics, 503, "The event cannot be stored now. Send it again.");
    }
  });
  router.use(bodyErrors(metrics));
  return router;
}

function verifiedEvent(request: Request, secrets: readonly string[]): ReceivedEvent | null {
  const header = request.get("stripe-signature");
  const body: unknown = request.body;
  if (!header || !Buffer.isBuffer(body)) return null;
  if (!secrets.some((secret) => isSigned(body, header, secret))) return null;
  try {
    return envelope.parse(JSON.parse(body.toString("utf8")));
  } catch {
    return null;
  }
}

function isSigned(body: Buffer, header: string, secret: string): boolean {
  try {
    return Stripe.webhooks.signature?.verifyHeader(body, header, secret, TOLERANCE_SECONDS) ?? false;
  } catch {
    return false;
  }
}

/** A body over the limit is 413, one that cannot be read 400. */
function bodyErrors(metrics: Metrics): ErrorRequestHandler {
  return (error: { status?: number }, _request, response, _next) => {
    const tooLarge = error.status === 413;
    refuse(
      response,
      metrics,
      tooLarge ? 413 : 400,
      tooLarge ? "An event has at most 1 MB." : "The body cannot be read.",
    );
  };
}

function refuse(response: Response, metrics: Metrics, status: number, detail: string): void {
  metrics.webhooks.inc({ outcome: "refused" });
  response.status(status).json({ error: detail });
}
