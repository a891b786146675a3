import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Redis } from "ioredis";
import { freePort } from "../../dev/embedded/ports.ts";

/** A redis-server for one test file: channels are global to a server, so files must not share one. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it without a word, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const ATTEMPTS = 5;

/** Starts an empty redis-server that keeps nothing, in some 20 ms. @throws Error when there is none on PATH. */
export async function startTestRedis(): Promise<TestRedis> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return handle(port, await launch(port));
    } catch (error) {
      if (attempt === ATTEMPTS) throw error; // else another worker took the port in between
    }
  }
}

function handle(port: number, first: ChildProcess): TestRedis {
  let child = first;
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL"); // there is nothing to keep, and a frozen one hears nothing else
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    kill: end,
    restart: async () => {
      await end();
      child = await launch(port);
    },
    stop: end,
  };
}

async function launch(port: number): Promise<ChildProcess> {
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", args, { stdio: "ignore", cwd: "/" });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`redis-server ended (${code}) on port ${port}`)));
  });
  failed.catch(() => {}); // ends later, when all is well
  await Promise.race([failed, untilAnswering(port)]);
  return child;
}

async function untilAnswering(port: number): Promise<void> {
  const client = new Redis({ host: "127.0.0.1", port, retryStrategy: () => 5, maxRetriesPerRequest: null });
  client.on("error", () => {}); // not yet
  try {
    await client.ping();
  } finally {
    client.disconnect();
  }
}
