import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, realpath, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Account } from "./postgres-account.ts";
import { endProcess, isAlive, worksIn } from "./processes.ts";

/** A PostgreSQL server, as its own postmaster.pid describes it. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly isReady: boolean;
}

/** What {@link launchPostmaster} needs to know. */
export interface Launch {
  readonly program: string;
  readonly cluster: string;
  readonly port: number;
  readonly account: Account | undefined;
  readonly log: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** The server did not start. `reason` is what it said last. */
export class StartFailed extends Error {
  constructor(readonly reason: string) {
    super(`PostgreSQL does not start:\n${reason}`);
  }
}

const START_MS = 60_000;
const POLL_MS = 15;
const MAX_LOG_BYTES = 1_000_000;
// Greater than any process id can be, so it is never alive.
const NO_PROCESS = 2_147_483_646;

/** The server that runs on `cluster` now, whoever started it. */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const noted = await readPidFile(cluster);
  if (!noted || !(await isAlive(noted.pid))) return undefined;
  return (await worksIn(noted.pid, "postgres", await realpath(cluster))) ? noted : undefined;
}

/**
 * PostgreSQL would take any living process under the noted id for the server. When that is another
 * program, the id is replaced by one that cannot live; the rest stays, so that PostgreSQL still
 * checks by itself that no part of the old server uses its shared memory.
 */
export async function disarmPidFile(cluster: string): Promise<void> {
  const noted = await readPidFile(cluster);
  if (!noted || !(await isAlive(noted.pid)) || (await findPostmaster(cluster))) return;
  const path = join(cluster, "postmaster.pid");
  const [, ...rest] = (await readFile(path, "utf8")).split("\n");
  await writeFile(path, [NO_PROCESS, ...rest].join("\n"));
}

async function readPidFile(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const [pid, , , port, , , , status] = text.split("\n");
  if (!pid || !(Number(pid) > 0)) return undefined;
  return { pid: Number(pid), port: Number(port), isReady: status?.trim() === "ready" };
}

/**
 * Starts a server and waits until it accepts connections; its process id. It gets a session of its own,
 * so that Ctrl-C in a terminal reaches us and not it: it has to outlive the service's draining.
 * @throws StartFailed
 */
export async function launchPostmaster(launch: Launch): Promise<number> {
  const start = await trimLog(launch.log);
  const child = spawnPostmaster(launch);
  const failed = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", () => resolve(""));
  });
  const outcome = await Promise.race([failed, untilReady(launch.cluster, () => child.pid)]);
  if (outcome === true) return child.pid as number;
  if (outcome === false && child.pid) await stopPostmaster(child.pid);
  const said = await readFile(launch.log).then((bytes) => bytes.subarray(start).toString());
  throw new StartFailed([outcome, said.trim()].filter(Boolean).join("\n"));
}

function spawnPostmaster({ program, cluster, port, account, log, settings }: Launch) {
  const output = openSync(log, "a", 0o600);
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  try {
    const child = spawn(program, ["-D", cluster, "-p", `${port}`, ...flags], {
      ...(account && { uid: account.uid, gid: account.gid }),
      cwd: "/",
      env: plainEnvironment(),
      detached: true,
      stdio: ["ignore", output, output],
    });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

/** Waits for a server that is starting; false when it takes more than a minute or is gone. */
export async function untilReady(cluster: string, pid: () => number | undefined): Promise<boolean> {
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(POLL_MS)) {
    const noted = await readPidFile(cluster);
    if (noted?.isReady && noted.pid === pid()) return true;
    if (noted && noted.pid === pid() && !(await isAlive(noted.pid))) return false;
  }
  return false;
}

/** Fast shutdown: connections are cut, transactions rolled back, everything written. Harder when that takes too long. */
export async function stopPostmaster(pid: number): Promise<void> {
  await endProcess(pid, [
    ["SIGINT", 15_000],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 5_000],
  ]);
}

/** Our environment without what PostgreSQL's programs would take as settings or a language. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|TZ$)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: "C" };
}

async function trimLog(path: string): Promise<number> {
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (size < MAX_LOG_BYTES) return size;
  await writeFile(path, "");
  return 0;
}
