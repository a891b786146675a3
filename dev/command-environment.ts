import { shareOrStartPostgres } from "./embedded/postgres.ts";
import { devEnvironment } from "./environment.ts";

/** Nobody listens there: a command does without Redis. */
const NO_REDIS = "redis://127.0.0.1:1";

/**
 * The environment of a command beside an `npm run dev`: its database and sandbox. The sandbox has to run; of
 * PostgreSQL one of the command's own is started when it does not.
 */
export async function commandEnvironment(given: NodeJS.ProcessEnv) {
  const { env, config, embeds } = await devEnvironment(given);
  const postgres = embeds.postgres ? await shareOrStartPostgres({ dataDir: config.dataDir }) : undefined;
  return {
    env: {
      ...env,
      ...(postgres && { DATABASE_URL: postgres.url }),
      ...(embeds.redis && { REDIS_URL: NO_REDIS, LOG_LEVEL: "error" }),
      ...(embeds.sandbox && { STRIPE_API_BASE: `http://127.0.0.1:${config.sandboxPort}` }),
    },
    stop: async () => postgres?.stop(),
  };
}
