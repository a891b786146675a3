// `npm run bench:start`: how soon a replica is ready, and what it takes while it has nothing to do.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../dev/embedded/ports.ts";
import { Progress, table } from "../scripts/terminal.ts";
import { setupDatabase } from "../src/database.ts";
import { watch } from "../test/support/processes.ts";
import { startTestRedis } from "../test/support/redis.ts";
import { atTheEnd, roomyPostgres, startArguments, toTheEnd } from "./surroundings.ts";

const HELP = `npm run bench:start [-- --runs 5 --idle 5]

Starts the build in production mode against a migrated database and a real Redis, again and again: from the start of the
process to the first 200 of /health/readiness, and its memory (resident) a few seconds later, before any request but those.

  --runs N   how many starts of each kind (5)
  --idle N   seconds until memory is read (5)
  --help     this text`;

const MB = 1024 * 1024;

interface Start {
  readyMs: number;
  idleMb: number;
}

async function startOnce(env: NodeJS.ProcessEnv, idleSeconds: number): Promise<Start> {
  const port = await freePort();
  const began = performance.now();
  const started = watch(process.execPath, startArguments(), {
    env: { ...env, PORT: String(port) },
  });
  try {
    const isReady = () => fetch(`http://127.0.0.1:${port}/health/readiness`).then(({ ok }) => ok);
    while (!(await isReady().catch(() => false))) {
      if (started.child.exitCode !== null) throw new Error(started.output());
      await pause(5);
    }
    const readyMs = performance.now() - began;
    await pause(idleSeconds * 1000);
    const status = readFileSync(`/proc/${started.child.pid}/status`, "utf8");
    return { readyMs, idleMb: (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MB };
  } finally {
    await started.end("SIGTERM");
  }
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ runs: { type: "string", default: "5" }, idle: { type: "string", default: "5" } },
      help: { type: "boolean" },
    },
  });
  if (values.help) return console.log(HELP);
  const [postgres, redis] = [await roomyPostgres(), await startTestRedis()];
  atTheEnd(() => redis.stop());
  await setupDatabase(postgres.url);
  const env = {
    ...{
      PATH: process.env.PATH,
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      LOG_LEVEL: "warn",
      DRAIN_SECONDS: "0",
    },
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, JWT_SECRET: "x".repeat(48) },
    ...{ STRIPE_SECRET_KEY: "sk_test_never_used", STRIPE_WEBHOOK_SECRET: "whsec_never_used" },
  };
  const rows: (string | number)[][] = [];
  const progress = new Progress("starts");
  const runs = Number(values.runs);
  for (const [at, worker] of ["on", "off", "only"].entries()) {
    const starts: Start[] = [];
    for (let run = 0; run < runs; run++) {
      progress.show(at * runs + run, 3 * runs, `WORKER=${worker}`);
      starts.push(await startOnce({ ...env, WORKER: worker }, Number(values.idle)));
    }
    const ready = starts.map(({ readyMs }) => readyMs);
    const idle = starts.map(({ idleMb }) => idleMb);
    const figures = [median(ready), Math.max(...ready), median(idle), Math.max(...idle)].map(Math.round);
    rows.push([worker, ...figures]);
  }
  progress.end();
  console.log(table(["WORKER", "ready: median ms", "most ms", "idle: median MB", "most MB"], rows));
}

await toTheEnd(main);
