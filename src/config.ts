import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { z } from "zod";
import { crossChecks, keyMode, NO_DATABASE, STRIPE_API } from "./config-faults.ts";
import {
  database,
  databaseUrl,
  derivedSecret,
  isBaseUrl,
  isHost,
  isUrl,
  list,
  oneOf,
  origins,
  ownAddress,
  port,
  wholeNumber,
} from "./config-values.ts";
import type { RateClass } from "./rate-limits/classes.ts";
import { rateLimits, rateLimitsOf } from "./rate-limits/settings.ts";
import { type TraceSettings, traceSettings, traceVariables } from "./trace-settings.ts";

const LONGEST_DAYS = 3_650;

/** Everything the service may be told from outside, validated and frozen. Described in docs/configuration.md. */
export interface Config {
  readonly nodeEnv: "production" | "development" | "test";
  readonly host: string;
  readonly port: number;
  /** Where the metrics are when they are not on `port`. */
  readonly metricsPort: number | undefined;
  /** How long requests are still answered after the signal to stop, until nobody sends any more. */
  readonly drainSeconds: number;
  /** How long after that a stop may take before what still runs is cut off. */
  readonly stopSeconds: number;
  /** Where browsers reach the service, without a slash at its end; undefined when nobody has said. */
  readonly publicUrl?: string;
  readonly database: { readonly url: string };
  readonly redis: { readonly url: string };
  readonly stripe: {
    readonly secretKey: string;
    /** More than one while a secret is being rolled; any of them verifies. */
    readonly webhookSecrets: readonly string[];
    readonly publishableKey?: string;
    readonly apiBase: string;
    readonly livemode: boolean;
    /** What all replicas together may ask of Stripe. */
    readonly requestsPerSecond: number;
  };
  readonly jwt: {
    readonly secret: string;
    /** Still good while the secret is being rolled. */
    readonly previousSecret?: string;
    readonly issuer?: string;
    readonly audience?: string;
  };
  readonly corsOrigins: readonly string[];
  readonly returnUrlOrigins: readonly string[];
  readonly gracePeriodDays: number;
  /** Keys the HMACs by which somebody is known who has had a trial. */
  readonly trialClaimSecret: string;
  /** The first signs the links to invoices' pages, which live for minutes; any of them is good. */
  readonly invoiceLinkSecrets: readonly string[];
  /** How long what is no longer needed is kept, in days. */
  readonly retention: {
    readonly payloadDays: number;
    readonly eventIdDays: number;
    readonly keyDays: number;
    readonly outboxDays: number;
    readonly intentDays: number;
  };
  /** How many events the stream on Redis keeps, about. */
  readonly streamLength: number;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /** `on`: web and worker in one process; `off`: web only; `only`: worker, health and metrics only. */
  readonly worker: "on" | "off" | "only";
  readonly routerSecret?: string;
  /** Where live results may be posted to; empty: nowhere. */
  readonly callbackOrigins: readonly string[] | "loopback";
  /** Addresses and CIDRs of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** How much one caller may ask for: codes an hour, all others a minute; 0: as much as they like. */
  readonly rateLimits: Readonly<Record<RateClass, number>>;
  /** Where traces go; undefined: none are kept. */
  readonly traces: TraceSettings | undefined;
  readonly clock: "system" | "sandbox";
  readonly sandboxPort: number;
  readonly dataDir: string;
}

/** Thrown by {@link loadConfig}: one message that names every fault of the environment. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`);
  }
}

const environment = z.object({
  NODE_ENV: oneOf("production", "development", "test").default("production"),
  HOST: z
    .string()
    .refine(isHost, "must be an address to listen on, such as 127.0.0.1, :: or localhost")
    .optional(),
  PORT: port.default(3004),
  METRICS_PORT: port.optional(),
  DRAIN_SECONDS: wholeNumber(0, 15).optional(),
  STOP_SECONDS: wholeNumber(1, 300).default(30),
  PUBLIC_URL: z
    .string()
    .refine(isBaseUrl, "must be a URL such as https://payments.example.com, without query and login")
    .optional(),
  ...database.shape,
  REDIS_URL: z
    .string()
    .refine(
      (value) => isUrl(value, /^rediss?:\/\//),
      "must be a URL such as redis://host:6379/0, or one that starts with rediss://",
    ),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_(test|live)_/, "must be a key such as sk_test_… or sk_live_…"),
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform(list)
    .refine(
      (secrets) => secrets.length > 0 && secrets.every((secret) => secret.startsWith("whsec_")),
      "must be one or more whsec_… secrets, comma-separated",
    ),
  STRIPE_PUBLISHABLE_KEY: z
    .string()
    .regex(/^pk_(test|live)_/, "must be a key such as pk_test_… or pk_live_…")
    .optional(),
  STRIPE_REQUESTS_PER_SECOND: wholeNumber(1, 1_000).optional(),
  STRIPE_API_BASE: z
    .string()
    .refine((value) => isUrl(value, /^https?:\/\//), `must be a URL such as ${STRIPE_API}`)
    .default(STRIPE_API),
  JWT_SECRET: z.string().min(1),
  JWT_SECRET_PREVIOUS: z.string().optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  CORS_ORIGIN: origins.default([]),
  RETURN_URL_ORIGINS: origins.optional(),
  TRIAL_CLAIM_SECRET: z.string().min(32, "must have at least 32 characters").optional(),
  GRACE_PERIOD_DAYS: wholeNumber(0, 90).default(7),
  RETAIN_PAYLOAD_DAYS: wholeNumber(1, LONGEST_DAYS).default(30),
  // Stripe can send an event again for 30 days: who has forgotten its id takes it for a new one
  RETAIN_EVENT_ID_DAYS: wholeNumber(35, LONGEST_DAYS).default(60),
  RETAIN_KEY_DAYS: wholeNumber(1, LONGEST_DAYS).default(30),
  RETAIN_OUTBOX_DAYS: wholeNumber(7, LONGEST_DAYS).default(30),
  RETAIN_INTENT_DAYS: wholeNumber(35, LONGEST_DAYS).default(90),
  EVENT_STREAM_LENGTH: wholeNumber(1_000, 100_000_000).default(100_000),
  LOG_LEVEL: oneOf("fatal", "error", "warn", "info", "debug", "trace", "silent").default("info"),
  WORKER: oneOf("on", "off", "only").default("on"),
  ROUTER_SECRET: z.string().min(16, "must have at least 16 characters").optional(),
  CALLBACK_ORIGINS: origins.optional(),
  ...rateLimits.shape,
  ...traceVariables,
  SANDBOX_PORT: port.default(12_111),
  DATA_DIR: z.string().default(".data"),
  CLOCK: oneOf("system", "sandbox").default("system"),
});
type Environment = z.output<typeof environment>;

/** Every variable the service reads; docs/configuration.md and .env.example are held against it. */
export const VARIABLES = Object.keys(environment.shape);

/** The process's environment over what `.env` in the working directory says. The only reader of process.env. */
export function readEnvironment(): NodeJS.ProcessEnv {
  const file = existsSync(".env") ? parseEnv(readFileSync(".env", "utf8")) : {};
  return { ...file, ...process.env };
}

/** Validates the whole environment at once. @throws ConfigError naming every fault. */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  return freeze(toConfig(validated(environment, withoutEmpty(env))));
}

/** What setting Stripe up needs: the database and an account; its webhook secret does not exist before. */
export type StripeSetupConfig = Pick<Config, "database"> & {
  readonly stripe: Pick<Config["stripe"], "secretKey" | "apiBase">;
};

const setupEnvironment = environment.pick({
  NODE_ENV: true,
  DATABASE_URL: true,
  POSTGRES_HOST: true,
  POSTGRES_PORT: true,
  POSTGRES_DB: true,
  POSTGRES_USER: true,
  POSTGRES_PASSWORD: true,
  STRIPE_SECRET_KEY: true,
  STRIPE_API_BASE: true,
});

/** Validates what `npm run stripe:setup` needs. @throws ConfigError naming every fault. */
export function loadStripeSetupConfig(env: NodeJS.ProcessEnv): StripeSetupConfig {
  const given = withoutEmpty(env);
  const { STRIPE_SECRET_KEY, STRIPE_API_BASE } = validated(setupEnvironment, given);
  return freeze({
    database: { url: databaseUrl(given) as string },
    stripe: { secretKey: STRIPE_SECRET_KEY, apiBase: STRIPE_API_BASE.replace(/\/$/, "") },
  });
}

function validated<T extends z.ZodObject>(schema: T, all: Record<string, string>): z.output<T> {
  const given = Object.fromEntries(Object.entries(all).filter(([name]) => name in schema.shape));
  const parsed = schema.safeParse(given);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => describe(issue, given));
  faults.push(...crossChecks(given));
  if (!parsed.success || faults.length > 0) throw new ConfigError([...new Set(faults)].sort());
  return parsed.data;
}

/** The database's address alone, for commands that need nothing else. @throws ConfigError */
export function loadDatabaseUrl(env: NodeJS.ProcessEnv): string {
  const given = withoutEmpty(env);
  const parsed = database.safeParse(given);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => describe(issue, given));
  const url = databaseUrl(given);
  if (!url) faults.push(NO_DATABASE);
  if (!url || faults.length > 0) throw new ConfigError(faults.sort());
  return url;
}

/** A variable set to nothing is one that is not set. */
function withoutEmpty(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]?.trim())),
  );
}

function describe(issue: z.core.$ZodIssue, given: Record<string, string>): string {
  const name = String(issue.path[0]);
  return given[name] === undefined ? `${name} is not set` : `${name} ${issue.message}`;
}

function toConfig(env: Environment): Config {
  const production = env.NODE_ENV === "production";
  return {
    nodeEnv: env.NODE_ENV,
    host: env.HOST ?? (production ? "0.0.0.0" : "127.0.0.1"),
    port: env.PORT,
    metricsPort: env.METRICS_PORT,
    drainSeconds: env.DRAIN_SECONDS ?? (production ? 5 : 0),
    stopSeconds: env.STOP_SECONDS,
    publicUrl:
      env.PUBLIC_URL?.replace(/\/+$/, "") ?? (production ? undefined : ownAddress(env.HOST, env.PORT)),
    database: { url: databaseUrl(env as unknown as Record<string, string>) as string },
    redis: { url: env.REDIS_URL },
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      publishableKey: env.STRIPE_PUBLISHABLE_KEY,
      apiBase: env.STRIPE_API_BASE.replace(/\/$/, ""),
      livemode: keyMode(env.STRIPE_SECRET_KEY) === "live",
      requestsPerSecond: env.STRIPE_REQUESTS_PER_SECOND ?? usualRate(env),
    },
    jwt: {
      ...{ secret: env.JWT_SECRET, previousSecret: env.JWT_SECRET_PREVIOUS },
      ...{ issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE },
    },
    corsOrigins: env.CORS_ORIGIN,
    returnUrlOrigins: env.RETURN_URL_ORIGINS ?? env.CORS_ORIGIN,
    gracePeriodDays: env.GRACE_PERIOD_DAYS,
    trialClaimSecret: env.TRIAL_CLAIM_SECRET ?? derivedSecret(env.JWT_SECRET, "trial claims"),
    invoiceLinkSecrets: [env.JWT_SECRET, ...(env.JWT_SECRET_PREVIOUS ? [env.JWT_SECRET_PREVIOUS] : [])].map(
      (secret) => derivedSecret(secret, "invoice links"),
    ),
    retention: {
      payloadDays: env.RETAIN_PAYLOAD_DAYS,
      eventIdDays: env.RETAIN_EVENT_ID_DAYS,
      keyDays: env.RETAIN_KEY_DAYS,
      outboxDays: env.RETAIN_OUTBOX_DAYS,
      intentDays: env.RETAIN_INTENT_DAYS,
    },
    streamLength: env.EVENT_STREAM_LENGTH,
    logLevel: env.LOG_LEVEL,
    worker: env.WORKER,
    routerSecret: env.ROUTER_SECRET,
    callbackOrigins: env.CALLBACK_ORIGINS ?? (env.NODE_ENV === "development" ? "loopback" : []),
    trustedProxies: env.TRUST_PROXY,
    rateLimits: rateLimitsOf(env, production),
    traces: traceSettings(env),
    clock: env.CLOCK,
    sandboxPort: env.SANDBOX_PORT,
    dataDir: env.DATA_DIR,
  };
}

/** A little below what Stripe allows (100 a second live, 25 in test mode); the sandbox takes what comes. */
function usualRate(env: Environment): number {
  if (env.STRIPE_API_BASE.replace(/\/$/, "") !== STRIPE_API) return 1_000;
  return keyMode(env.STRIPE_SECRET_KEY) === "live" ? 80 : 20;
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (part && typeof part === "object") freeze(part);
  return Object.freeze(value);
}
