import type { ServerOptions } from "node:http";

/**
 * How long a client may take, in milliseconds: who sends a byte now and then is answered 408 and let go.
 * An idle connection is kept longer than proxies keep theirs (a minute, usually), so that none sends into one that closes.
 */
export const PATIENCE = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
} as const satisfies ServerOptions;
