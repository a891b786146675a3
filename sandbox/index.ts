import type { AddressInfo, Server } from "node:net";
import { BackOff } from "./back-off.ts";
import { dueRules } from "./due-rules.ts";
import { Journal } from "./journal.ts";
import { SearchLag } from "./search/lag.ts";
import { createServer } from "./server.ts";
import { World } from "./world.ts";

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 12111; 0 is any free port. */
  port?: number;
  /** Where the journal is kept; without it everything is in memory only. */
  dataDir?: string;
  /**
   * When given, every webhook endpoint created gets the first as its secret, and deliveries are
   * signed with all of them.
   */
  webhookSecrets?: string[];
  /** Names by which the paths under `/sandbox` may be asked for, besides those of loopback and `host`. */
  allowedHosts?: string[];
  /** Real seconds from one attempt to the next of a delivery, or of due work that failed; the last repeats. */
  backOffSeconds?: number[];
  log?: (line: string) => void;
}

export interface Sandbox {
  /** Such as `http://127.0.0.1:12111`. */
  url: string;
  port: number;
  /** The sandbox's time. */
  now(): Date;
  close(): Promise<void>;
}

const DUE_CHECK_MS = 1000;

/**
 * Starts a sandbox. Rejects, having changed nothing, when the port is taken (`EADDRINUSE`), when another
 * sandbox uses the folder (`FolderInUse`), or when the journal is damaged.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const {
    host = "127.0.0.1",
    port = 12111,
    dataDir,
    webhookSecrets = [],
    allowedHosts = [],
    log = () => {},
  } = options;
  const backOff = new BackOff(options.backOffSeconds);
  const environment = { baseUrl: "", webhookSecrets, searchLag: new SearchLag(), backOff };
  const world = new World(environment, new Journal(dataDir), dueRules, log);
  const server = createServer(
    world,
    [host, ...allowedHosts].map((name) => name.toLowerCase()),
  );
  try {
    await world.read();
    await listen(server, port, host);
    // What is overdue is done before the first request is served: nothing is awaited from here on.
    environment.baseUrl = `http://${shownHost(host)}:${addressOf(server).port}`;
    world.open();
  } catch (error) {
    server.close();
    world.close();
    throw error;
  }
  const timer = setInterval(() => world.runDue(), DUE_CHECK_MS);
  const place = dataDir ? `journal in ${dataDir}` : "in memory";
  log(`Stripe sandbox on ${environment.baseUrl} (bound to ${reach(addressOf(server))}; ${place})`);
  return {
    url: environment.baseUrl,
    port: addressOf(server).port,
    now: () => new Date(world.clock.nowMs()),
    close: () => {
      clearInterval(timer);
      world.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

const addressOf = (server: Server) => server.address() as AddressInfo;

/** Who can reach the address it is bound to: whoever does can do everything. */
function reach({ address }: AddressInfo): string {
  const isLoopback = address.startsWith("127.") || address === "::1";
  return isLoopback ? `${address}, loopback only` : `${address}: anyone who reaches this machine can use it`;
}

/** A host to put into a URL: a wildcard address cannot be visited, an IPv6 address needs brackets. */
function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
