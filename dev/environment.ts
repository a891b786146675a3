import { type Config, ConfigError, loadConfig } from "../src/config.ts";
import { freePort } from "./embedded/ports.ts";
import { secretsOf } from "./secrets.ts";

/** What the person has set, and which parts have to be brought because of what was not set. */
export interface DevEnvironment {
  readonly env: NodeJS.ProcessEnv;
  /** Everything but the addresses of the parts that are embedded. */
  readonly config: Config;
  readonly embeds: { readonly postgres: boolean; readonly redis: boolean; readonly sandbox: boolean };
}

// Stand where an embedded part will be, so that every other fault shows before anything is started.
const LATER = {
  database: "postgresql://later@127.0.0.1/later",
  redis: "redis://127.0.0.1:1",
  sandbox: "http://127.0.0.1:1",
};
const SANDBOX_KEYS = { secret: "sk_test_sandbox", publishable: "pk_test_sandbox" };

/**
 * The environment for development: what is set wins, secrets come from DATA_DIR, parts that are not
 * configured will be embedded.
 * @throws ConfigError naming every fault, production among them.
 */
export async function devEnvironment(given: NodeJS.ProcessEnv): Promise<DevEnvironment> {
  const env = { ...withoutEmpty(given) };
  env.NODE_ENV ??= "development";
  if (env.NODE_ENV === "production")
    throw new ConfigError([
      "NODE_ENV is production: npm run dev is for development, npm start for production",
    ]);
  const embeds = {
    postgres: !Object.keys(env).some((name) => /^(DATABASE_URL$|POSTGRES_)/.test(name)),
    redis: !env.REDIS_URL,
    sandbox: !env.STRIPE_SECRET_KEY,
  };
  const secrets = await secretsOf(env.DATA_DIR ?? ".data");
  env.JWT_SECRET ??= secrets.jwtSecret;
  env.ROUTER_SECRET ??= secrets.routerSecret;
  env.LOG_LEVEL ??= "warn"; // the banner is to be read
  if (embeds.sandbox) fillStripe(env, secrets.webhookSecret);
  await choosePorts(env);
  const config = loadConfig({
    ...env,
    ...(embeds.postgres && { DATABASE_URL: LATER.database }),
    ...(embeds.redis && { REDIS_URL: LATER.redis }),
    ...(embeds.sandbox && { STRIPE_API_BASE: LATER.sandbox }),
  });
  return { env, config, embeds };
}

function fillStripe(env: NodeJS.ProcessEnv, webhookSecret: string): void {
  env.STRIPE_SECRET_KEY = SANDBOX_KEYS.secret;
  env.STRIPE_PUBLISHABLE_KEY ??= SANDBOX_KEYS.publishable;
  env.STRIPE_WEBHOOK_SECRET ??= webhookSecret;
  env.CLOCK ??= "sandbox";
  env.WORKER ??= "on";
}

/** 0 means any; the webhook's address has to be known before the service listens. */
async function choosePorts(env: NodeJS.ProcessEnv): Promise<void> {
  for (const name of ["PORT", "SANDBOX_PORT"]) if (env[name] === "0") env[name] = `${await freePort()}`;
}

/** A variable set to nothing is one that is not set. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
}
