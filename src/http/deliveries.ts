import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Metrics } from "../metrics.ts";
import type { Take } from "../webhooks/route.ts";
import { inRequestScope } from "./request-scope.ts";

const PATH = "/webhooks/stripe";
/** Longer ones, and those in pieces or packed, go the long way. */
const LONGEST = 256 * 1024;

/**
 * Takes webhooks as Stripe sends them without Express, whose middleware costs as much as all the rest of an
 * acknowledgement; every other request is `otherwise`'s, those to the same address that are sent differently too.
 */
export function shortcut(take: Take, metrics: Metrics, otherwise: RequestListener): RequestListener {
  return (request, response) => {
    if (!isPlainDelivery(request)) return otherwise(request, response);
    const done = metrics.httpSeconds.startTimer({ method: "POST", route: PATH });
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.once("end", () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      const answer = (requestId: string) =>
        take(body, signatureOf(request)).then((given) => {
          done({ status: given.status });
          send(response, requestId, given);
        });
      void inRequestScope(request, response, () => PATH, answer);
    });
  };
}

function isPlainDelivery({ method, url, headers }: IncomingMessage): boolean {
  const length = Number(headers["content-length"]);
  return method === "POST" && url === PATH && length <= LONGEST && headers["content-encoding"] === undefined;
}

function signatureOf({ headers }: IncomingMessage): string | undefined {
  const signature = headers["stripe-signature"];
  return Array.isArray(signature) ? undefined : signature;
}

function send(response: ServerResponse, requestId: string, { status, body }: Awaited<ReturnType<Take>>) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
  });
  response.end(text);
}
