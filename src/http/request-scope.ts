import type { IncomingMessage, ServerResponse } from "node:http";
import { withLogScope } from "../logger.ts";
import { type Span, startSpan, within } from "../tracing.ts";
import { requestIds } from "./request-ids.ts";

/** Asked all the time, by machines. */
const NOT_TRACED = /^\/(health|metrics)\b/;

/**
 * Runs what answers a request: each log line carries the request's id and its trace, and the work is a span of that trace
 * where traces are kept.
 * @param routeOf what the address stands for, once it is known
 */
export function inRequestScope<T>(
  request: IncomingMessage,
  response: ServerResponse,
  routeOf: () => string,
  answer: (requestId: string) => T,
): T {
  const ids = requestIds(request.headers);
  const work = () => answer(ids.requestId);
  const span = NOT_TRACED.test(request.url ?? "") ? undefined : spanOf(request);
  if (!span) return withLogScope(ids, work);
  const { method = "" } = request;
  response.once("close", () => {
    const { statusCode } = response;
    span.note({ "http.route": routeOf(), "http.response.status_code": statusCode });
    span.end(statusCode >= 500 ? statusCode : undefined);
  });
  span.note({ "http.request.method": method });
  return withLogScope({ ...ids, traceId: span.traceId }, () => within(span, work));
}

function spanOf({ method, headers: { traceparent } }: IncomingMessage): Span | undefined {
  const parent = typeof traceparent === "string" ? traceparent : null;
  return startSpan(`HTTP ${method}`, { kind: "server", parent });
}
