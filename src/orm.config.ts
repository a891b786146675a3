import { UnderscoreNamingStrategy } from "@mikro-orm/core";
import { ReflectMetadataProvider } from "@mikro-orm/decorators/legacy";
import { Migrator } from "@mikro-orm/migrations";
import { defineConfig } from "@mikro-orm/postgresql";
import { MIGRATIONS } from "../migrations/index.ts";
import { ENTITIES } from "./entities/index.ts";
import { preparing } from "./prepared.ts";

const POOL_SIZE = 20;

/** MikroORM's options for a database; the same for the service, its commands and its tests. */
export function ormConfig(databaseUrl: string) {
  return defineConfig({
    clientUrl: databaseUrl,
    // clientUrl alone would drop sslmode and application_name
    driverOptions: {
      connectionString: databaseUrl,
      application_name: "payment-service",
      onPoolCreated: preparing,
    },
    entities: ENTITIES,
    metadataProvider: ReflectMetadataProvider,
    namingStrategy: UnderscoreNamingStrategy,
    extensions: [Migrator],
    // each a transaction of its own: no table is locked for longer than its own migration takes
    migrations: { migrationsList: MIGRATIONS, tableName: "migrations", snapshot: false, allOrNothing: false },
    // functions belong to migrations alone
    schemaGenerator: { ignoreRoutines: true, ignoreSchema: ["graphile_worker"], skipTables: ["migrations"] },
    pool: { min: 0, max: POOL_SIZE },
    forceUtcTimezone: true,
    logger: () => {},
  });
}
