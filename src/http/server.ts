import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import helmet from "helmet";
import type { Config } from "../config.ts";
import { DomainError, ERROR_CODES, type ErrorCode } from "../errors.ts";
import { toDomainError } from "../format-error.ts";
import { type Logger, withLogScope } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { requestIds } from "./request-ids.ts";
import { corsOf } from "./standing-headers.ts";

/** The parts of the application that have routes, in the order in which they are asked. */
export interface Routes {
  webhook: RequestHandler;
  health: RequestHandler;
  invoices: RequestHandler;
  graphql: RequestHandler[];
}

/** Express with what every request goes through: ids, security headers, measures, and an end for errors. */
export function createHttp(config: Config, routes: Routes, metrics: Metrics, logger: Logger): Express {
  const http = express();
  http.disable("x-powered-by");
  http.use(scoped, measured(metrics), helmet());
  http.use("/webhooks/stripe", routes.webhook);
  http.use("/health", routes.health);
  http.use("/invoices", routes.invoices);
  http.get("/metrics", async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  http.use("/graphql", corsOf(config), ...routes.graphql);
  http.use((_request, response) => {
    response.status(404).json({ code: "NOT_FOUND", error: "There is nothing at this address." });
  });
  http.use(lastResort(logger));
  return http;
}

/** Every log line of a request carries its id and trace; the id goes back to the caller. */
const scoped: RequestHandler = (request, response, next) => {
  const ids = requestIds(request.headers);
  response.set("x-request-id", ids.requestId);
  withLogScope(ids, next);
};

function measured(metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const done = metrics.httpSeconds.startTimer({ method: request.method });
    response.on("finish", () => {
      // one that stays open for hours says nothing of how long requests take
      if (String(response.getHeader("content-type")).startsWith("text/event-stream")) return;
      // the mount point, never the whole path: a label for each id would be without bound
      done({ route: request.baseUrl || request.route?.path || "none", status: response.statusCode });
    });
    next();
  };
}

/** What was wrong with a request that no route has taken; body-parser and Express name its kind. */
interface HttpFault {
  readonly status?: number;
  readonly type?: string;
  readonly limit?: number;
}

function lastResort(logger: Logger): ErrorRequestHandler {
  return (fault: HttpFault, _request, response, next) => {
    if (response.headersSent) return next(fault);
    const { status = 500 } = fault;
    const isOurs = fault instanceof DomainError;
    if (!isOurs && status >= 400 && status < 500) {
      const code: ErrorCode = status === 413 ? "PAYLOAD_TOO_LARGE" : "BAD_USER_INPUT";
      return void response.status(status).json({ code, error: sentenceFor(fault) });
    }
    const known = toDomainError(fault);
    if (known) {
      if (known.cause) logger.warn({ err: known.cause, code: known.code }, known.message);
      return void response.status(known.status).json({ code: known.code, error: known.message });
    }
    logger.error({ err: fault }, "a request failed");
    const code: ErrorCode = "INTERNAL_SERVER_ERROR";
    response
      .status(ERROR_CODES[code])
      .json({ code, error: "Something went wrong on our side.", requestId: response.get("x-request-id") });
  };
}

function sentenceFor({ type, limit = 0 }: HttpFault): string {
  switch (type) {
    case "entity.too.large":
      return `The body is larger than ${limit / 1024} kB.`;
    case "entity.parse.failed":
      return "The body is not JSON: send an object with a query, as content-type application/json.";
    case "charset.unsupported":
      return "The body must be in UTF-8.";
    case "encoding.unsupported":
      return "The body's content-encoding is not known here: send gzip, deflate, br or none.";
    default:
      return "This request cannot be read.";
  }
}
