import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { LogScope } from "../logger.ts";

const REQUEST_ID = /^[\w.:-]{1,128}$/;
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The id under which a request is logged and reported: the caller's `x-request-id` when it can be one, else a new
 * one; and the trace that `traceparent` (https://www.w3.org/TR/trace-context/) puts it in.
 */
export function requestIds(headers: IncomingHttpHeaders): LogScope & { requestId: string } {
  const given = headers["x-request-id"];
  const requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
  const parent = headers.traceparent;
  const traceId = typeof parent === "string" ? parent.match(TRACEPARENT)?.[1] : undefined;
  return { requestId, ...(traceId && { traceId }) };
}
