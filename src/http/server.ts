import { randomUUID } from "node:crypto";
import cors from "cors";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import helmet from "helmet";
import type { Config } from "../config.ts";
import { type Logger, withLogScope } from "../logger.ts";
import type { Metrics } from "../metrics.ts";

const REQUEST_ID = /^[\w.:-]{1,128}$/;
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The parts of the application that have routes, in the order in which they are asked. */
export interface Routes {
  webhook: RequestHandler;
  health: RequestHandler;
  graphql: RequestHandler[];
}

/** Express with what every request goes through: ids, security headers, measures, and an end for errors. */
export function createHttp(config: Config, routes: Routes, metrics: Metrics, logger: Logger): Express {
  const http = express();
  http.disable("x-powered-by");
  http.use(scoped, measured(metrics), helmet());
  http.use("/webhooks/stripe", routes.webhook);
  http.use("/health", routes.health);
  http.get("/metrics", async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  http.use("/graphql", cors({ origin: [...config.corsOrigins], credentials: true }), ...routes.graphql);
  http.use((_request, response) => {
    response.status(404).json({ error: "There is nothing at this address." });
  });
  http.use(lastResort(logger));
  return http;
}

/** Every log line of a request carries its id and trace; the id goes back to the caller. */
const scoped: RequestHandler = (request, response, next) => {
  const given = request.get("x-request-id");
  const requestId = given && REQUEST_ID.test(given) ? given : randomUUID();
  const traceId = request.get("traceparent")?.match(TRACEPARENT)?.[1];
  response.set("x-request-id", requestId);
  withLogScope({ requestId, ...(traceId && { traceId }) }, next);
};

function measured(metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const done = metrics.httpSeconds.startTimer({ method: request.method });
    response.on("finish", () => {
      // the mount point, never the whole path: a label for each id would be without bound
      done({ route: request.baseUrl || request.route?.path || "none", status: response.statusCode });
    });
    next();
  };
}

function lastResort(logger: Logger): ErrorRequestHandler {
  return (error: { status?: number }, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status = error.status && error.status >= 400 && error.status < 500 ? error.status : 500;
    if (status === 500) logger.error({ err: error }, "a request failed");
    response
      .status(status)
      .json({ error: status === 500 ? "Something went wrong on our side." : "This request cannot be read." });
  };
}
