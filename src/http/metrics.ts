import { createServer, type Server } from "node:http";
import express, { type RequestHandler } from "express";
import type { Metrics } from "../metrics.ts";

/** What Prometheus reads. */
export const metricsRoute =
  ({ registry }: Metrics): RequestHandler =>
  async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  };

/** `/metrics` by itself, for a port that is not reached from outside. */
export function metricsServer(metrics: Metrics): Server {
  const http = express();
  http.disable("x-powered-by");
  http.get("/metrics", metricsRoute(metrics));
  return createServer(http);
}
