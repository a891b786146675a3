import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type Postgres, startPostgres } from "../dev/embedded/postgres.ts";
import { removePostgresData } from "../dev/embedded/postgres-place.ts";

/** What starts the service in production: what Node is given by `npm start`. */
export function startArguments(): string[] {
  const root = join(import.meta.dirname, "../..");
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [, ...args] = (scripts.start as string).split(" ");
  return args.map((arg) => (arg.startsWith("-") ? arg : join(root, arg)));
}

const undo: (() => unknown)[] = [];

/** Has something undone when the benchmark ends, however it does; last thing first. */
export const atTheEnd = (step: () => unknown): void => void undo.push(step);

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

/** Runs a benchmark, cleans up after it, also when it is interrupted, and ends the process. */
export async function toTheEnd(main: () => Promise<void>): Promise<never> {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  await main().finally(cleanUp);
  process.exit(0);
}

/** An empty PostgreSQL with memory for a big table's indexes. It forgoes what makes writes safe; only reads are measured. */
export async function roomyPostgres(): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), "payment-service-bench-"));
  atTheEnd(() => rmSync(folder, { recursive: true, force: true }));
  atTheEnd(() => removePostgresData(folder));
  chmodSync(folder, 0o711); // as root PostgreSQL's account has to pass
  const options = { dataDir: folder, durable: false };
  const first = await startPostgres(options);
  atTheEnd(() => first.stop());
  const admin = new Client({ connectionString: first.adminUrl });
  await admin.connect();
  await admin.query("alter system set shared_buffers = '2GB'");
  await admin.query("alter system set max_wal_size = '8GB'");
  await admin.end();
  await first.stop();
  const second = await startPostgres(options);
  atTheEnd(() => second.stop());
  return second;
}
