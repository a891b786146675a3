import "reflect-metadata";
import { type EntityManager, MikroORM } from "@mikro-orm/postgresql";
import { runMigrations } from "graphile-worker";
import type { Pool } from "pg";
import { ormConfig } from "./orm.config.ts";
import { seedPlans } from "./seed.ts";

export type Orm = MikroORM;

/** Opens the database without touching its schema; connections are made when first needed. */
export async function openDatabase(databaseUrl: string): Promise<Orm> {
  return MikroORM.init(ormConfig(databaseUrl));
}

/** An instant as a raw statement gives it: PostgreSQL's text, which only entities have parsed for them. */
export function instantIn(em: EntityManager, text: string | null | undefined): Date | null {
  return text == null ? null : em.getPlatform().parseDate(text);
}

/** The connection pool under the ORM, shared with the job queue. */
export async function poolOf(orm: Orm): Promise<Pool> {
  return (await orm.driver.getConnection().getNativeClient()) as Pool;
}

/**
 * Brings a database to today's schema and seeds the four plans. Twice is the same as once, and two at a time
 * wait for each other.
 */
export async function setupDatabase(
  databaseUrl: string,
  log: (line: string) => void = () => {},
): Promise<void> {
  const orm = await openDatabase(databaseUrl);
  const pool = await poolOf(orm);
  const guard = await pool.connect();
  try {
    await guard.query("select pg_advisory_lock(hashtextextended('payment-service setup', 0))");
    await runMigrations({ pgPool: pool });
    const applied = await orm.migrator.up();
    log(
      applied.length
        ? `migrations applied: ${applied.map(({ name }) => name).join(", ")}`
        : "no migration was pending",
    );
    const seeded = await seedPlans(orm.em.fork());
    log(seeded.length ? `plans added: ${seeded.join(", ")}` : "the plans are already there");
  } finally {
    guard.release(true);
    await orm.close(true);
  }
}

/** Names of migrations that this build knows and the database has not had. */
export async function pendingMigrations(orm: Orm): Promise<string[]> {
  return (await orm.migrator.getPending()).map(({ name }) => name);
}
