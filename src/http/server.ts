import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from "express";
import helmet from "helmet";
import type { Config } from "../config.ts";
import { ERROR_CODES, type ErrorCode, NotFound } from "../errors.ts";
import { toDomainError } from "../format-error.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { metricsRoute } from "./metrics.ts";
import { inRequestScope } from "./request-scope.ts";
import { problemOf, refuse } from "./rest/problem.ts";
import { corsOf } from "./standing-headers.ts";
import { unreadableBy } from "./unreadable.ts";

/** The parts of the application that have routes, in the order in which they are asked. */
export interface Routes {
  webhook: RequestHandler;
  health: RequestHandler;
  invoices: RequestHandler;
  graphql: RequestHandler[];
  /** The documented REST endpoints, and their description. */
  rest: RequestHandler[];
}

/** Express with what every request goes through: ids, security headers, measures, and an end for errors. */
export function createHttp(config: Config, routes: Routes, metrics: Metrics, logger: Logger): Express {
  const http = express();
  http.disable("x-powered-by");
  // what is measured has the address's name: one for each, however it is spelt
  http.enable("case sensitive routing");
  http.use(scoped, measured(metrics), helmet());
  http.use("/webhooks/stripe", routes.webhook);
  http.use("/health", routes.health);
  http.use("/invoices", routes.invoices);
  if (config.metricsPort === undefined) http.get("/metrics", metricsRoute(metrics));
  http.use("/graphql", corsOf(config), ...routes.graphql);
  if (routes.rest.length > 0) http.use(corsOf(config), ...routes.rest);
  http.use((_request, response) => {
    refuse(response, problemOf(new NotFound("address"), logger));
  });
  http.use(lastResort(logger));
  return http;
}

/** Every log line of a request carries its id and trace; the id goes back to the caller. */
const scoped: RequestHandler = (request, response, next) => {
  inRequestScope(
    request,
    response,
    () => routeOf(request),
    (requestId) => {
      response.set("x-request-id", requestId);
      next();
    },
  );
};

/** The mount point, or the pattern of a path; never the whole path, which has ids in it. */
const routeOf = (request: Request): string => request.baseUrl || request.route?.path || "none";

function measured(metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const done = metrics.httpSeconds.startTimer({ method: request.method });
    response.on("finish", () => {
      // one that stays open for hours says nothing of how long requests take
      if (String(response.getHeader("content-type")).startsWith("text/event-stream")) return;
      done({ route: routeOf(request), status: response.statusCode });
    });
    next();
  };
}

function lastResort(logger: Logger): ErrorRequestHandler {
  return (fault: unknown, _request, response, next) => {
    if (response.headersSent) return next(fault);
    const unreadable = unreadableBy(fault);
    if (unreadable) {
      const { status, code, message } = unreadable;
      return void response.status(status).json({ code, error: message });
    }
    const known = toDomainError(fault);
    if (known) {
      if (known.cause) logger.warn({ err: known.cause, code: known.code }, known.message);
      const { retryAfter } = known.details;
      if (retryAfter !== undefined) response.set("retry-after", String(retryAfter));
      return void response.status(known.status).json({ code: known.code, error: known.message });
    }
    logger.error({ err: fault }, "a request failed");
    const code: ErrorCode = "INTERNAL_SERVER_ERROR";
    response
      .status(ERROR_CODES[code])
      .json({ code, error: "Something went wrong on our side.", requestId: response.get("x-request-id") });
  };
}
