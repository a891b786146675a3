import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../dev/embedded/postgres.ts";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";

/** Runs what needs databases outside of Jest, on a PostgreSQL of its own unless TEST_DATABASE_ADMIN_URL names one. */
export const withPostgres = <T>(use: () => Promise<T>): Promise<T> =>
  process.env.TEST_DATABASE_ADMIN_URL ? use() : withNewPostgres({ durable: false }, use);

/** Runs what is given a folder, where a PostgreSQL lies that ends with it, also when it is interrupted. */
export async function withNewPostgres<T>(
  { durable }: { durable: boolean },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "payment-service-own-"));
  chmodSync(folder, 0o711); // as root PostgreSQL's account has to pass
  const postgres = await startPostgres({ dataDir: folder, durable });
  process.env.TEST_DATABASE_ADMIN_URL = postgres.adminUrl;
  const cleanUp = async () => {
    await postgres.stop();
    await removePostgresData(folder);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  return use(folder).finally(cleanUp);
}
