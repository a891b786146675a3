import type { Server } from "node:http";
import type { RequestHandler } from "express";
import type { Config } from "../config.ts";
import { callbacks } from "./callback.ts";
import type { LiveParts } from "./live-results.ts";
import { eventStreams } from "./sse.ts";
import { type Sockets, serveWebSocket } from "./websocket.ts";

const CONNECTIONS = {
  name: "live_connections",
  help: "Clients with open live connections",
  labelNames: ["transport"],
};

/** All ways on which live subscriptions come. */
export interface LiveTransports {
  /** In front of whatever else answers at the GraphQL path: a request that they take goes no further. */
  readonly routes: RequestHandler[];
  serveSockets(server: Server): void;
  /** Ends all that is live, so that clients come again, elsewhere. */
  close(): Promise<void>;
}

export function liveTransports(config: Config, parts: LiveParts): LiveTransports {
  const callback = callbacks(config, parts);
  const streams = eventStreams(config.jwt, parts);
  let sockets: Sockets = { count: () => 0, close: async () => {} };
  parts.metrics.watch(CONNECTIONS, async () => [
    { labels: { transport: "websocket" }, value: sockets.count() },
    { labels: { transport: "sse" }, value: streams.count() },
    { labels: { transport: "callback" }, value: callback.count() },
  ]);
  return {
    routes: [callback.route, streams.route],
    serveSockets(server) {
      sockets = serveWebSocket(server, config, parts);
    },
    async close() {
      streams.close();
      await Promise.all([sockets.close(), callback.close()]);
    },
  };
}
