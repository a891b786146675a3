import { ConfigError, loadDatabaseUrl, readEnvironment } from "../src/config.ts";
import { setupDatabase } from "../src/database.ts";
import { isConnectionFailure, reasonOf } from "../src/outage.ts";

/** A fault that a person can mend: its message is all that is printed. */
class Failed extends Error {}

/** The database of the environment; in development without one, the embedded PostgreSQL. */
async function main(): Promise<void> {
  const env = readEnvironment();
  const isGiven = env.DATABASE_URL || env.POSTGRES_HOST;
  if (!isGiven && env.NODE_ENV === "development") return setUpEmbedded(env.DATA_DIR || ".data");
  const url = loadDatabaseUrl(env);
  await setupDatabase(url, console.log).catch((error: unknown) => {
    if (!isConnectionFailure(error)) throw error;
    const { host } = new URL(url);
    throw new Failed(`The database at ${host} cannot be reached (${reasonOf(error)}): is it running?`);
  });
}

/** That of a running `npm run dev`, else one that runs for as long as this does. */
async function setUpEmbedded(dataDir: string): Promise<void> {
  // development only: a production image holds no dev/
  const { shareOrStartPostgres } = await import("../dev/embedded/postgres.ts");
  const { explain } = await import("../dev/explain.ts");
  try {
    const postgres = await shareOrStartPostgres({ dataDir });
    await setupDatabase(postgres.url, console.log).finally(postgres.stop);
  } catch (error) {
    throw new Failed(explain(error));
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError || error instanceof Failed ? error.message : error);
  process.exit(1);
});
