import type { Server } from "node:http";
import type { RequestHandler } from "express";
import type { Config } from "../config.ts";
import { callbacks } from "./callback.ts";
import type { LiveParts } from "./live-results.ts";
import { eventStreams } from "./sse.ts";
import { serveWebSocket } from "./websocket.ts";

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
  let closeSockets = async () => {};
  return {
    routes: [callback.route, streams.route],
    serveSockets(server) {
      closeSockets = serveWebSocket(server, config, parts);
    },
    async close() {
      streams.close();
      await Promise.all([closeSockets(), callback.close()]);
    },
  };
}
