// `npm run chaos`: random histories, any number of them.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { startPostgres } from "../../dev/embedded/postgres.ts";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";
import { faultsAfter, history, type Step, told } from "./history.ts";
import { World } from "./world.ts";

const HELP = `npm run chaos [-- --runs 200] [--seed N] [--path P] [--kill] [--no-shrink]

Draws histories of several learners over simulated months: subscribing, paying, declines, renewals, plan changes,
cancels, refunds, disputes, cards, the portal; lives through each while webhooks are dropped, repeated, delayed and
shuffled, calls to Stripe fail before and after their effect, Redis goes away and processes die; and holds what is
left against what Stripe says. A history that fails is made as short as possible and printed.

  --runs N     how many histories (200)
  --seed N     the same seed draws the same histories (a random one, printed)
  --path P     one history of a seed again, as a failure prints it
  --kill       the service is a process of its own, ended by kill -9; without it it is cut off within this one
  --no-shrink  a history that fails is printed as it was drawn
  --help       this text

Needs redis-server; starts a PostgreSQL of its own unless TEST_DATABASE_ADMIN_URL names one.`;

/** A failing history is shortened for so long. */
const SHRINK_MS = 120_000;
const BAR = 30;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    path: { type: "string" },
    kill: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const runs = Number(values.runs);
const seed = Number(values.seed);

function showProgress(done: number, failures: number, seconds: number): void {
  if (!process.stderr.isTTY) return;
  const share = Math.min(1, done / runs);
  const bar = "█".repeat(Math.round(share * BAR)).padEnd(BAR, "░");
  const state = failures > 0 ? `failed, shortening (${failures})` : `${(done / seconds).toFixed(1)} a second`;
  process.stderr.write(`\r${bar} ${done} of ${runs}, ${state}   `);
}

/** Whether all of them hold. */
async function search(world: World): Promise<boolean> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  let done = 0;
  let failures = 0;
  let shortenUntil = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(history, async (steps: Step[]) => {
    if (performance.now() > shortenUntil) return;
    const faults = await faultsAfter(world, steps);
    if (faults.length === 0) done += failures === 0 ? 1 : 0;
    else if (failures++ === 0) shortenUntil = performance.now() + SHRINK_MS;
    showProgress(done, failures, seconds());
    if (faults.length > 0) throw new Error(faults.join("\n"));
  });
  const result = await fc.check(property, {
    ...{ numRuns: runs, seed, endOnFailure: values["no-shrink"] },
    ...(values.path && { path: values.path }),
  });
  if (process.stderr.isTTY) process.stderr.write("\n");
  const mean = seconds() / Math.max(1, done + failures);
  console.table(Object.fromEntries([...world.tally].sort(([left], [right]) => (left < right ? -1 : 1))));
  console.table({
    histories: {
      seed,
      asked: runs,
      held: done,
      failed: result.failed ? 1 : 0,
      crashes: world.crashes,
      seconds: Math.round(seconds()),
      "a second": Number((1 / mean).toFixed(1)),
    },
  });
  if (!result.failed || !result.counterexample) return !result.failed;
  console.log(`A history after which something does not hold:\n\n${told(result.counterexample[0])}\n`);
  console.log((result.errorInstance as Error)?.message ?? "");
  const kill = values.kill ? " --kill" : "";
  console.log(`\nAgain: npm run chaos -- --runs 1 --seed ${seed} --path ${result.counterexamplePath}${kill}`);
  return false;
}

async function withPostgres<T>(use: () => Promise<T>): Promise<T> {
  if (process.env.TEST_DATABASE_ADMIN_URL) return use();
  const folder = mkdtempSync(join(tmpdir(), "payment-service-chaos-"));
  chmodSync(folder, 0o711); // as root PostgreSQL's account has to pass
  const postgres = await startPostgres({ dataDir: folder, durable: false });
  process.env.TEST_DATABASE_ADMIN_URL = postgres.adminUrl;
  const cleanUp = async () => {
    await postgres.stop();
    await removePostgresData(folder);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  return use().finally(cleanUp);
}

// a service that was cut off goes on failing at whatever it did; nobody is left to heed it
process.on("unhandledRejection", () => {});
console.trace = () => {};

if (values.help) console.log(HELP);
else {
  const held = await withPostgres(async () => {
    const world = await World.open({ inProcess: !values.kill });
    return search(world).finally(() => world.close());
  });
  process.exit(held ? 0 : 1);
}
