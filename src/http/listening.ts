import { once } from "node:events";
import type { Server } from "node:http";
import type { Config } from "../config.ts";
import { listenFault } from "../listen-fault.ts";

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

/** Takes no more requests, and waits for those that run. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
