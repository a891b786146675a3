import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiError } from "./errors.ts";

/** A request as the sandbox's parts see it: read whole, the path apart from the query. */
export interface HttpRequest {
  method: string;
  path: string;
  query: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface HttpReply {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** A body of more than two megabytes, the rest of which has not been read. */
export class BodyTooLarge extends Error {}

/** Throws BodyTooLarge. */
export async function readRequest(incoming: IncomingMessage): Promise<HttpRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed with the loop: the refusal of a body too large goes out on the same connection.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  const target = incoming.url ?? "/";
  const mark = target.indexOf("?");
  return {
    method: incoming.method ?? "GET",
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark + 1),
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

export function writeReply(response: ServerResponse, reply: HttpReply): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(reply.status, { "content-length": Buffer.byteLength(reply.body), ...reply.headers });
  response.end(reply.body);
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpReply {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

/** A refusal as Stripe sends it. */
export const refusal = ({ status, body }: ApiError): HttpReply => json(status, { error: body });
