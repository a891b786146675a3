import { join } from "node:path";
import { freePort } from "../dev/embedded/ports.ts";
import { watch } from "../test/support/processes.ts";
import { eventually } from "../test/support/service.ts";
import type { Target } from "./load.ts";
import { PEERS } from "./peers.ts";
import { atTheEnd, startArguments } from "./surroundings.ts";

/** A server in a process of its own. */
export interface Server extends Target {
  name: string;
  pid: number;
  stop(): Promise<unknown>;
}

export interface Surroundings {
  databaseUrl: string;
  redisUrl: string;
  secret: string;
}

const PEER_FILES: Record<string, string> = {
  "Mercurius + JIT": "mercurius.mjs",
  "GraphQL Yoga": "yoga.mjs",
  "Apollo Server": "apollo.mjs",
  "floor (no GraphQL)": "floor.mjs",
};
export const OURS = "this service";
export const [RIVAL, , , FLOOR] = Object.keys(PEER_FILES) as [string, string, string, string];

/** Starts all, one after the other; they are stopped at the end. */
export async function startServers(around: Surroundings): Promise<Server[]> {
  const servers = [await startOurs(around)];
  for (const [name, file] of Object.entries(PEER_FILES)) servers.push(await startPeer(name, file, around));
  return servers;
}

/** As in production, but for the worker, whose jobs have nothing to do with answers. */
export async function startOurs({ databaseUrl, redisUrl, secret }: Surroundings): Promise<Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const started = watch(process.execPath, startArguments(), {
    env: {
      ...{
        PATH: process.env.PATH,
        NODE_ENV: "production",
        WORKER: "off",
        HOST: "127.0.0.1",
        RATE_LIMIT: "off", // what is measured comes from one caller
        PORT: `${port}`,
      },
      ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, JWT_SECRET: secret },
      ...{ STRIPE_SECRET_KEY: "sk_test_never_used", STRIPE_WEBHOOK_SECRET: "whsec_never_used" },
    },
  });
  const stop = () => started.end("SIGTERM");
  atTheEnd(stop);
  const status = () => fetch(`${url}/health/readiness`).then((response) => response.status);
  await eventually(
    () => (started.child.exitCode === null ? status().catch(() => 0) : -1),
    (answer) => answer !== 0,
  );
  if ((await status().catch(() => 0)) !== 200) throw new Error(started.output());
  return {
    name: OURS,
    url,
    hasRoutes: false,
    ...{ pid: started.child.pid as number, stop },
  };
}

export async function startPeer(name: string, file: string, around: Surroundings): Promise<Server> {
  // what Node is told for ours it is told for all
  const flags = startArguments().filter((arg) => arg.startsWith("-"));
  const started = watch(process.execPath, [...flags, join(PEERS, file)], {
    env: {
      ...{ PATH: process.env.PATH, NODE_ENV: "production" },
      ...{ DATABASE_URL: around.databaseUrl, REDIS_URL: around.redisUrl, JWT_SECRET: around.secret },
    },
  });
  const stop = () => started.end("SIGKILL");
  atTheEnd(stop);
  const [, port] = await started.until(/ready (\d+)/, 60_000);
  return {
    ...{ name, url: `http://127.0.0.1:${port}`, hasRoutes: file === "floor.mjs" },
    ...{ pid: started.child.pid as number, stop },
  };
}
