// `npm test`: the whole suite on a real PostgreSQL and Redis. Arguments go to Jest, except
// `--install` (install what is missing) and `--no-check` (leave types, lint and schema out).
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../dev/embedded/postgres.ts";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";
import { secretsOfSuite } from "./logs.ts";
import { startTestRedis } from "./redis.ts";
import { install, installCommand, missingPrograms } from "./requirements.ts";
import { type Counts, countResults, summary } from "./results.ts";

/** One more than the cores that the suite is measured on: there is always one that waits for a lease or a process. */
const WORKERS = 3;
const OWN = ["--install", "--no-check"];
const args = process.argv.slice(2);
let running: ChildProcess | undefined;
let interrupted = false;

/** Ctrl-C reaches our children by itself; any signal lets the run end in order. */
function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      interrupted = true;
      running?.kill(signal);
    });
}

function providePrograms(): void {
  const missing = missingPrograms();
  if (missing.length === 0) return;
  const wanted = process.env.CI === "true" || args.includes("--install");
  if (wanted && install(missing) && missingPrograms().length === 0) return;
  const reason = wanted ? "could not be installed" : "needed by the tests";
  console.error(
    `${missing.join(" and ")} ${reason}. This installs what is missing:\n\n  ${installCommand(missing)}\n`,
  );
  process.exit(1);
}

/** Runs a program to its end; whether it succeeded. An interrupted run starts nothing more. */
function succeeds(program: string, programArgs: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  if (interrupted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(program, programArgs, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env },
    });
    running = child;
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

async function runChecks(): Promise<boolean> {
  if (args.includes("--no-check")) return true;
  // `npm run check` without the compiler, which has just run: what it compiled is what runs here
  const linted = await succeeds("npm", ["run", "-s", "lint"]);
  const schema = join(import.meta.dirname, "../../scripts/schema.js");
  const current = await succeeds(process.execPath, [schema, "--check"]);
  console.log(linted && current ? "check passed: types, lint, schema" : "check FAILED: npm run check");
  return linted && current;
}

async function runJest(folder: string): Promise<Counts> {
  const redis = await startTestRedis();
  const postgres = await startPostgres({ dataDir: folder, durable: false }).catch(async (error) => {
    await redis.stop();
    throw error;
  });
  const result = join(folder, "result.json");
  const jest = join(import.meta.dirname, "../../../node_modules/jest/bin/jest.js");
  const ownWorkers = args.some((arg) => /^(-i|--runInBand|-w|--maxWorkers)\b/.test(arg));
  const options = [
    ...(ownWorkers ? [] : [`--maxWorkers=${WORKERS}`]),
    `--testSequencer=${join(import.meta.dirname, "sequencer.js")}`,
    ...["--json", `--outputFile=${result}`],
  ];
  try {
    const passed = await succeeds(
      process.execPath,
      [jest, ...options, ...args.filter((arg) => !OWN.includes(arg))],
      {
        NODE_ENV: "test",
        NODE_OPTIONS: "--disable-warning=ExperimentalWarning",
        NODE_COMPILE_CACHE: join(folder, "compiled"), // for the processes that tests start, by the hundred
        TEST_DATABASE_ADMIN_URL: postgres.adminUrl,
        TEST_REDIS_URL: redis.url,
        TEST_LOG_DIR: logsIn(folder),
      },
    );
    return countResults(result, passed);
  } finally {
    await Promise.allSettled([postgres.stop(), redis.stop()]);
  }
}

function logsIn(folder: string): string {
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });
  return logs;
}

/** Whether what all services of the suite logged is free of cards and secrets. */
function loggedNoSecret(folder: string): boolean {
  const { lines, secrets } = secretsOfSuite(logsIn(folder));
  if (secrets.length === 0) console.log(`${lines} lines were logged: no card number, fingerprint or secret`);
  else console.error(`the log FAILED: it may not say\n  ${secrets.join("\n  ")}`);
  return secrets.length === 0;
}

async function main(): Promise<number> {
  providePrograms();
  endOnSignals();
  const folder = mkdtempSync(join(tmpdir(), "payment-service-test-"));
  chmodSync(folder, 0o711); // as root PostgreSQL's account has to pass
  try {
    const checked = await runChecks();
    const counts = await runJest(folder);
    if (!checked) counts.failed += 1;
    if (!loggedNoSecret(folder)) counts.failed += 1;
    console.log(summary(counts));
    return counts.failed === 0 ? 0 : 1;
  } finally {
    await removePostgresData(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
