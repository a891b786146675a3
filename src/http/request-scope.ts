import type { IncomingMessage, ServerResponse } from "node:http";
import { withLogScope } from "../logger.ts";
import { isTracing, type Span, startSpan, within } from "../tracing.ts";
import { requestIds } from "./request-ids.ts";

/** Asked all the time, by machines. */
const NOT_TRACED = /^\/(health|metrics)\b/;

/** What comes there says itself what it is. */
const NAMED = new Set(["/graphql", "/webhooks/stripe"]);

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
  const span = isTracing() && !NOT_TRACED.test(request.url ?? "") ? spanOf(request) : undefined;
  if (!span) return withLogScope(ids, work);
  const { method = "" } = request;
  response.once("close", () => {
    const { statusCode } = response;
    const route = routeOf();
    if (!NAMED.has(route)) span.rename(`${method} ${route}`);
    span.note({ "http.route": route, "http.response.status_code": statusCode });
    span.end(statusCode >= 500 ? statusCode : undefined);
  });
  span.note({ "http.request.method": method });
  return withLogScope({ ...ids, traceId: span.traceId }, () => within(span, work));
}

function spanOf({ method, headers: { traceparent } }: IncomingMessage): Span | undefined {
  const parent = typeof traceparent === "string" ? traceparent : null;
  return startSpan(`HTTP ${method}`, { kind: "server", parent });
}
