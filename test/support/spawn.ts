import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { quietPort } from "./ports.ts";
import { eventually } from "./service.ts";

/** The service as a process of its own, as production runs it; needs a current build. */
export interface SpawnedService {
  child: ChildProcess;
  url: string;
  /** Its log so far, line by line. */
  log(): Record<string, unknown>[];
}

const READY_WITHIN_MS = 60_000;

/** What of our own environment it needs, or starts sooner with. */
const pick = ({ PATH, NODE_COMPILE_CACHE }: NodeJS.ProcessEnv) => ({ PATH, NODE_COMPILE_CACHE });

/**
 * Starts it on a free port and waits until it is ready.
 * @param hears whether messages can be sent to it
 * @param worker its role: everything, requests only, jobs only
 * @throws Error when it never is, and leaves none behind
 */
export async function spawnService(
  env: NodeJS.ProcessEnv,
  { hears = false, worker = "on" }: { hears?: boolean; worker?: "on" | "off" | "only" } = {},
): Promise<SpawnedService> {
  const port = await quietPort();
  const child = spawn(process.execPath, ["dist/src/main.js"], {
    env: { ...pick(process.env), ...env, PORT: String(port), WORKER: worker },
    stdio: ["ignore", "pipe", "inherit", ...(hears ? (["ipc"] as const) : [])],
  });
  let text = "";
  child.stdout?.on("data", (part) => (text += part));
  const url = `http://127.0.0.1:${port}`;
  const readiness = () => fetch(`${url}/health/readiness`).then(({ status }) => status);
  await eventually(
    () => readiness().catch(() => 0),
    (status) => status === 200 || child.exitCode !== null,
    READY_WITHIN_MS,
    50,
  ).catch(async (error: unknown) => {
    await kill(child);
    throw error;
  });
  if (child.exitCode !== null) throw new Error(`it ended as it started (${child.exitCode})`);
  const log = () =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return { child, url, log };
}

/** Ends it as a crash would. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
