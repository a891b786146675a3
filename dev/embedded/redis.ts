import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { holdLock } from "./lock.ts";
import { assertPortsFree, freePort } from "./ports.ts";
import { endProcess, isAlive } from "./processes.ts";
import { programOnPath } from "./programs.ts";
import { privateFolder, randomSecret, recall, recallOr, remember } from "./remembered.ts";

/** How {@link startRedis} should start. */
export interface RedisOptions {
  /** DATA_DIR: everything is kept in its `redis` folder. */
  readonly dataDir: string;
  /** A port it must have; without one it takes a free port and prefers it from then on. */
  readonly port?: number;
  readonly log?: (line: string) => void;
}

/** A running redis-server of our own, or word that there is none and a mock has to do. */
export type EmbeddedRedis =
  | { readonly mock: false; readonly url: string; readonly port: number; stop(): Promise<void> }
  | { readonly mock: true; stop(): Promise<void> };

const START_MS = 20_000;
const POLL_MS = 10;

/**
 * Starts `redis-server` from PATH on the loopback address, keeping its data, or uses again the one that an
 * earlier process left behind. Without the program the answer is `mock`, and the caller brings ioredis-mock.
 * @throws FolderInUse when another live process has this DATA_DIR, PortTaken, or an Error with the log's place.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedRedis> {
  const program = programOnPath("redis-server");
  if (!program) return { mock: true, stop: async () => {} };
  await privateFolder(options.dataDir);
  const folder = resolve(options.dataDir, "redis");
  await privateFolder(folder);
  const release = holdLock(join(folder, "lock"), "Redis");
  try {
    const password = await recallOr(join(folder, "password"), randomSecret);
    const server =
      (await adoptOrphan(folder, password, options)) ?? (await launch(program, folder, password, options));
    return {
      mock: false,
      url: url(server.port, password),
      port: server.port,
      stop: stopOnce(server.pid, release),
    };
  } catch (error) {
    release();
    throw error;
  }
}

const url = (port: number, password: string) => `redis://:${password}@127.0.0.1:${port}/0`;

function stopOnce(pid: number, release: () => void): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => {
    stopped ??= stopServer(pid).finally(release);
    return stopped;
  };
}

// SIGTERM writes everything to disk first.
const stopServer = (pid: number) =>
  endProcess(pid, [
    ["SIGTERM", 10_000],
    ["SIGKILL", 5_000],
  ]);

async function adoptOrphan(folder: string, password: string, options: RedisOptions) {
  const port = Number(await recall(join(folder, "port")));
  const pid = port ? await whoServes(port, password, folder) : undefined;
  if (!pid) return undefined;
  if (options.port && options.port !== port) {
    await stopServer(pid);
    return undefined;
  }
  options.log?.(`Redis was still running as process ${pid}: used again`);
  return { pid, port };
}

/** The process id of the Redis on `port`, if it knows our password and works in our folder. */
async function whoServes(port: number, password: string, folder: string): Promise<number | undefined> {
  const client = new Redis(url(port, password), {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
  });
  client.on("error", () => {}); // a refused connection also fails the command
  try {
    await client.connect();
    const [, dir] = (await client.config("GET", "dir")) as string[];
    if (dir !== folder) return undefined;
    return Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]);
  } catch {
    return undefined; // nothing there, another Redis, or one that is still loading
  } finally {
    // Once it has ended by itself, this would only start a timer that keeps the process for two seconds.
    if (client.status !== "end") client.disconnect();
  }
}

async function launch(program: string, folder: string, password: string, options: RedisOptions) {
  if (options.port) await assertPortsFree({ port: options.port, name: "Redis", variable: "its port" });
  const port = options.port ?? (await freePort(Number(await recall(join(folder, "port"))) || undefined));
  const log = join(folder, "server.log");
  const pid = spawnServer(program, await writeSettings(folder, port, password), log);
  await remember(join(folder, "port"), `${port}`);
  for (const end = Date.now() + START_MS; Date.now() < end && (await isAlive(pid)); await sleep(POLL_MS))
    if ((await whoServes(port, password, folder)) === pid) return { pid, port };
  await stopServer(pid);
  throw new Error(`redis-server does not start; its log is ${log}`);
}

/** In a file and not in the arguments, which everybody on the machine can read. */
async function writeSettings(folder: string, port: number, password: string): Promise<string> {
  const path = join(folder, "redis.conf");
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${folder.replaceAll(/["\\]/g, "\\$&")}"`,
    "appendonly yes",
    "appendfsync everysec",
    "daemonize no",
  ];
  await writeFile(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  return path;
}

/** In a session of its own: Ctrl-C in a terminal reaches us and not it. */
function spawnServer(program: string, settings: string, log: string): number {
  const output = openSync(log, "w", 0o600);
  try {
    const child = spawn(program, [settings], { detached: true, stdio: ["ignore", output, output], cwd: "/" });
    child.on("error", () => {}); // seen as a process that is not there
    child.unref();
    return child.pid ?? -1;
  } finally {
    closeSync(output);
  }
}
