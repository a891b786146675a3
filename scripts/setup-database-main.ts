import { ConfigError, loadDatabaseUrl, readEnvironment } from "../src/config.ts";
import { setupDatabase } from "../src/database.ts";

/** The database of the environment; in development without one, the embedded PostgreSQL for as long as this runs. */
async function main(): Promise<void> {
  const env = readEnvironment();
  const isGiven = env.DATABASE_URL || env.POSTGRES_HOST;
  if (isGiven || env.NODE_ENV !== "development") return setupDatabase(loadDatabaseUrl(env), console.log);
  // development only: a production image holds no dev/
  const { startPostgres } = await import("../dev/embedded/postgres.ts");
  const postgres = await startPostgres({ dataDir: env.DATA_DIR ?? ".data" });
  try {
    await setupDatabase(postgres.url, console.log);
  } finally {
    await postgres.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
