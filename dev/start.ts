import { join, resolve } from "node:path";
import type { Redis } from "ioredis";
import { createApp } from "../src/app.ts";
import { type Config, loadConfig } from "../src/config.ts";
import { setupDatabase } from "../src/database.ts";
import type { Overrides } from "../src/parts.ts";
import { setupStripe } from "../src/stripe/catalogue.ts";
import { apiPage } from "./api-page.ts";
import { browserPages, DEMO_LEARNER, tokenFor } from "./browser-pages.ts";
import { holdLock } from "./embedded/lock.ts";
import { assertPortsFree } from "./embedded/ports.ts";
import { startPostgres } from "./embedded/postgres.ts";
import { startRedis } from "./embedded/redis.ts";
import { type DevEnvironment, devEnvironment } from "./environment.ts";
import { RunningParts } from "./running-parts.ts";

/** A development service that is ready. */
export interface Dev {
  readonly config: Config;
  readonly url: string;
  /** Undefined when a configured one is used. */
  readonly sandboxUrl?: string;
  readonly hasMockRedis: boolean;
  /** The folder with everything, and the one with the database, which may lie elsewhere; undefined when configured. */
  readonly dataDir: string;
  readonly databasePlace?: string;
  /** For the user `demo-learner`. */
  readonly token: string;
}

/**
 * Brings up everything that is not configured, sets it up and starts the service. Whatever was started is
 * in `parts`, also when it fails half-way: the caller stops them.
 * @throws ConfigError, PortTaken, FolderInUse, or an Error that says which part failed.
 */
export async function startDev(
  given: NodeJS.ProcessEnv,
  parts: RunningParts,
  log: (line: string) => void,
): Promise<Dev> {
  const dev = await devEnvironment(given);
  await parts.start("folder", async () => holdFolder(dev.config.dataDir));
  await assertPorts(dev);
  const [database, redis, sandbox] = await allOrNone([
    bringDatabase(dev, parts, log),
    bringRedis(dev, parts, log),
    bringSandbox(dev, parts, log),
  ]);
  const config = loadConfig({ ...dev.env, ...database.env, ...redis.env, ...sandbox.env });
  if (dev.embeds.sandbox)
    await setupStripe(config, { webhookUrl: `${serviceUrl(config)}/webhooks/stripe`, log: quiet });
  const overrides: Overrides = {
    ...redis.overrides,
    explorer: browserPages(config, serviceUrl(config)),
    apiPage: apiPage({ host: config.host, newToken: () => tokenFor(config, DEMO_LEARNER) }),
  };
  await parts.start("app", async () => {
    const app = await createApp(config, overrides);
    await app.start();
    return app;
  });
  return {
    config,
    url: serviceUrl(config),
    ...(sandbox.url && { sandboxUrl: sandbox.url }),
    hasMockRedis: Boolean(redis.overrides),
    dataDir: resolve(config.dataDir),
    ...(database.place && { databasePlace: database.place }),
    token: await tokenFor(config, DEMO_LEARNER),
  };
}

// Its steps are of interest when they are run by themselves, as `npm run stripe:setup`.
const quiet = () => {};

/** One at a time: before anything else tells by its port or its data that it is taken. */
function holdFolder(dataDir: string) {
  const release = holdLock(
    join(resolve(dataDir), "lock"),
    (folder, holder) =>
      `\`npm run dev\` runs here already, as process ${holder}: its DATA_DIR is ${folder}. ` +
      "Use that one, stop it, or set another DATA_DIR, PORT and SANDBOX_PORT for a second one.",
  );
  return { stop: async () => release() };
}

async function assertPorts({ config, embeds }: DevEnvironment): Promise<void> {
  const { port, host, sandboxPort } = config;
  const service = { port, host, name: "the service", variable: "PORT" };
  const sandbox = { port: sandboxPort, name: "the Stripe sandbox", variable: "SANDBOX_PORT" };
  await assertPortsFree(service, ...(embeds.sandbox ? [sandbox] : []));
}

async function bringDatabase(
  { config, embeds }: DevEnvironment,
  parts: RunningParts,
  log: (line: string) => void,
) {
  if (!embeds.postgres) {
    await setupDatabase(config.database.url);
    return { env: {} };
  }
  const postgres = await parts.start("postgres", () => startPostgres({ dataDir: config.dataDir, log }));
  await setupDatabase(postgres.url);
  return { env: { DATABASE_URL: postgres.url }, place: postgres.place };
}

async function bringRedis(
  { config, embeds }: DevEnvironment,
  parts: RunningParts,
  log: (line: string) => void,
) {
  if (!embeds.redis) return { env: {} };
  const redis = await parts.start("redis", () => startRedis({ dataDir: config.dataDir, log }));
  if (!redis.mock) return { env: { REDIS_URL: redis.url } };
  const { default: RedisMock } = await import("ioredis-mock");
  const overrides = { redis: (): Redis => new RedisMock() };
  return { env: { REDIS_URL: "redis://ioredis-mock" }, overrides };
}

async function bringSandbox(
  { config, embeds }: DevEnvironment,
  parts: RunningParts,
  log: (line: string) => void,
) {
  if (!embeds.sandbox) return { env: {} };
  const { startSandbox } = await import("../sandbox/index.ts");
  const { sandboxPort: port, dataDir } = config;
  const webhookSecrets = [...config.stripe.webhookSecrets];
  let isUp = false; // what it says before that is in the banner
  const sandbox = await parts.start("sandbox", async () => {
    const server = await startSandbox({
      port,
      dataDir: join(dataDir, "sandbox"),
      webhookSecrets,
      log: (line) => isUp && log(line),
    });
    isUp = true;
    return { url: server.url, stop: () => server.close() };
  });
  return { env: { STRIPE_API_BASE: sandbox.url }, url: sandbox.url };
}

/** All of them, or the first failure once none of them is still under way. */
async function allOrNone<T extends readonly unknown[]>(work: { [I in keyof T]: Promise<T[I]> }): Promise<T> {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as unknown as T;
}

/** Where the service is reached from this machine. */
function serviceUrl({ host, port }: Config): string {
  const any = ["0.0.0.0", "::", "[::]"].includes(host);
  const reachable = any ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
