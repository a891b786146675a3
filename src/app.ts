import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { rememberedCallers } from "./auth/token.ts";
import type { Config } from "./config.ts";
import { poolOf } from "./database.ts";
import { shortcut } from "./http/deliveries.ts";
import { fastPath } from "./http/fast-path.ts";
import { createGraphqlServer, graphqlRoutes, MAX_BODY, onlyForBrowsers } from "./http/graphql.ts";
import { healthRoutes } from "./http/health.ts";
import { Held, MOST_LIVE } from "./http/held.ts";
import { invoiceRoutes } from "./http/invoices.ts";
import { closeServer, lastOnesWhile, listen } from "./http/listening.ts";
import { liveTransports } from "./http/live-transports.ts";
import { metricsServer } from "./http/metrics.ts";
import { Operations } from "./http/operations.ts";
import { PATIENCE } from "./http/patience.ts";
import { openApiRoute } from "./http/rest/openapi.ts";
import { restRoutes } from "./http/rest/routes.ts";
import { createHttp } from "./http/server.ts";
import { Sweep } from "./jobs/sweep.ts";
import { Worker } from "./jobs/worker.ts";
import { createParts, type Overrides, type Parts } from "./parts.ts";
import { takeDeliveries, webhookRoute } from "./webhooks/route.ts";

/** The running service. */
export interface App {
  /** Listens, then starts the worker. Returns the address, with the port that was chosen when 0 was asked. */
  start(): Promise<{ url: string; port: number }>;
  /**
   * Is not ready any more, takes no more jobs, and after `drainSeconds` no more requests; finishes what runs, sends live
   * clients elsewhere, closes everything.
   */
  stop(): Promise<void>;
  readonly parts: Parts;
}

/** Builds the service from its configuration. */
export async function createApp(config: Config, overrides: Overrides = {}): Promise<App> {
  const parts = await createParts(config, overrides);
  const { schema, health, metrics, logger, inbox, newContext } = parts;
  const isWeb = config.worker !== "only";
  const operations = new Operations(schema);
  const callers = rememberedCallers(config.jwt);
  const graphql = createGraphqlServer(schema, operations, { metrics, logger });
  await graphql.start();
  const held = new Held(MOST_LIVE, `A caller has ${MOST_LIVE} live subscriptions at most.`);
  const live = liveTransports(config, { schema, newContext, logger, metrics, held });
  const explorer = overrides.explorer ? [onlyForBrowsers(overrides.explorer)] : [];
  const pages = overrides.apiPage ? [overrides.apiPage] : [];
  const take = takeDeliveries(config.stripe.webhookSecrets, inbox, metrics, logger);
  const http = createHttp(
    config,
    {
      webhook: webhookRoute(take, metrics),
      health: healthRoutes(health),
      invoices: invoiceRoutes(parts.invoices, parts.admitToInvoice),
      graphql: isWeb ? [...explorer, ...graphqlRoutes(graphql, { callers, newContext }, live.routes)] : [],
      rest: isWeb
        ? [...pages, restRoutes({ schema, callers, newContext, logger }), openApiRoute(schema)]
        : [],
    },
    metrics,
    logger,
  );
  const front =
    isWeb && overrides.fastPath !== false
      ? fastPath(config, { schema, operations, callers, newContext, metrics, logger }, MAX_BODY, http)
      : http;
  const server = createServer(
    { ...PATIENCE, ...overrides.patience },
    lastOnesWhile(() => health.isLeaving, shortcut(take, metrics, front)),
  );
  if (isWeb) live.serveSockets(server);
  const figures = config.metricsPort === undefined ? undefined : metricsServer(metrics);
  const worker = new Worker(() => poolOf(parts.orm), parts.workers, logger, parts.outage);
  const sweep = new Sweep(parts.orm.em, parts.workers, logger, parts.outage);
  return {
    parts,
    async start() {
      await listen(server, config);
      if (figures)
        await listen(figures, { host: config.host, port: config.metricsPort as number }, "METRICS_PORT");
      if (!config.publicUrl) logger.warn("PUBLIC_URL is not set: invoices have no links to their pages");
      if (config.worker !== "off") {
        worker.start();
        sweep.start();
      }
      const { port } = server.address() as AddressInfo;
      logger.info({ port }, "listening");
      return { url: `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`, port };
    },
    async stop() {
      health.drain();
      const jobs = Promise.all([sweep.stop(), worker.stop()]);
      // until whoever sends requests has heard of it they go on to arrive, and are answered
      if (isWeb) await pause(config.drainSeconds * 1_000);
      await live.close();
      await Promise.all([closeServer(server, config), jobs]);
      if (figures) await closeServer(figures, config);
      await graphql.stop();
      await parts.close();
    },
  };
}
