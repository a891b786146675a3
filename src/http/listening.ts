import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import type { Config } from "../config.ts";
import { listenFault } from "../listen-fault.ts";

/** Whoever waits for Stripe is answered within ten seconds. */
const LONGEST_REQUEST_SECONDS = 15;

/** Listens as configured. @throws Error that says what to do when the system does not let us */
export async function listen(
  server: Server,
  { host, port }: Pick<Config, "host" | "port">,
  variable = "PORT",
): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw listenFault(error as NodeJS.ErrnoException, { host, port }, variable);
  }
}

/**
 * Answers as before, but while the process is leaving each answer is the last on its connection: whoever keeps it open
 * comes again by another one, which leads elsewhere.
 */
export function lastOnesWhile(isLeaving: () => boolean, answer: RequestListener): RequestListener {
  return (request, response) => {
    if (isLeaving()) response.shouldKeepAlive = false;
    answer(request, response);
  };
}

/**
 * Takes no more requests, and waits for those that run; longer than any may take, and than half of the time that there is
 * for all, nobody waits: the other half is for the rest.
 */
export function closeServer(server: Server, { stopSeconds }: Pick<Config, "stopSeconds">): Promise<void> {
  const longestMs = Math.min(LONGEST_REQUEST_SECONDS, stopSeconds / 2) * 1_000;
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), longestMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
