import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { ROOT } from "./root.ts";

/** A database of its own for one test file. */
export interface TestDatabase {
  readonly url: string;
  /** Deletes it, whoever is still connected. */
  drop(): Promise<void>;
}

const LOCK = 7_005_461; // any number, the same in every worker

/**
 * Clones the migrated and seeded template into a new database (about 50 ms). The first caller of a run makes
 * the template; the others wait for it.
 * @throws Error when the suite's PostgreSQL is not there (it comes with `npm test`).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const template = await ensureTemplate();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asAdmin((admin) => admin.query(`create database ${name} template ${template}`));
  return {
    url: urlOf(name),
    drop: () =>
      asAdmin(async (admin) => void (await admin.query(`drop database if exists ${name} with (force)`))),
  };
}

/** An empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `empty_${randomBytes(8).toString("hex")}`;
  await asAdmin((admin) => admin.query(`create database ${name} template template0`));
  return {
    url: urlOf(name),
    drop: () =>
      asAdmin(async (admin) => void (await admin.query(`drop database if exists ${name} with (force)`))),
  };
}

/** The template's name, once it is complete. One worker makes it, under a lock of the server. */
async function ensureTemplate(): Promise<string> {
  const name = `template_${await fingerprint()}`;
  await asAdmin(async (admin) => {
    await admin.query("select pg_advisory_lock($1)", [LOCK]);
    const found = await admin.query("select datistemplate from pg_database where datname = $1", [name]);
    if (found.rows[0]?.datistemplate === true) return;
    await admin.query(`drop database if exists ${name} with (force)`); // an interrupted run's
    await admin.query(`create database ${name}`);
    await migrate(urlOf(name));
    // Cloning needs a template that nobody is connected to: from here on nobody can be.
    await admin.query(`alter database ${name} with allow_connections false`);
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
    await admin.query(`alter database ${name} with is_template true`);
  });
  return name;
}

async function migrate(url: string): Promise<void> {
  const { setupDatabase } = await import("../../src/database.ts");
  await setupDatabase(url);
}

/** Of all that decides what the template holds. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of ["migrations", "src", "src/entities"])
    for (const name of (await readdir(join(ROOT, folder))).sort())
      if (/\.[jt]s$/.test(name)) hash.update(name).update(await readFile(join(ROOT, folder, name)));
  return hash.digest("hex").slice(0, 16);
}

/** A connection to the suite's server as its owner; closing it also frees its locks. */
async function asAdmin<T>(use: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: adminUrl() });
  admin.on("error", () => {}); // a cut connection also fails the query
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(database: string): string {
  const url = new URL(adminUrl());
  url.pathname = `/${database}`;
  return url.href;
}

function adminUrl(): string {
  const url = process.env.TEST_DATABASE_ADMIN_URL;
  if (!url) throw new Error("TEST_DATABASE_ADMIN_URL is not set: run tests with `npm test -- [pattern]`.");
  return url;
}
