import { randomUUID } from "node:crypto";
import { createClient, type Client as LiveClient } from "graphql-ws";
import WebSocket from "ws";

import { type Sandbox, startSandbox } from "../../sandbox/index.ts";
import { type App, createApp } from "../../src/app.ts";
import { signToken } from "../../src/auth/token.ts";
import { type Config, loadConfig } from "../../src/config.ts";
import type { Overrides } from "../../src/parts.ts";
import { setupStripe } from "../../src/stripe/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { faultsOfRequests } from "./judged-requests.ts";
import { suiteLogger } from "./logs.ts";
import { quietPort } from "./ports.ts";
import { startTestRedis, type TestRedis } from "./redis.ts";

export const WEBHOOK_SECRET = "whsec_test_of_the_suite";
const JWT_SECRET = "a secret of the test suite, long enough for production";

/** Tests move time by months and then look at what there was. */
export const KEPT_FOR_EVER = Object.fromEntries(
  ["PAYLOAD", "EVENT_ID", "KEY", "OUTBOX", "INTENT"].map((what) => [`RETAIN_${what}_DAYS`, "3650"]),
);

/** An answer of the GraphQL API; `data` is whatever the query asked for. */
export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  data: any;
  errors?: {
    message: string;
    path?: (string | number)[];
    extensions: {
      code: string;
      field?: string;
      retryable?: boolean;
      declineCode?: string;
      retryAfter?: number;
    };
  }[];
}

/** The service as a stranger meets it, on real PostgreSQL, Redis and sandbox of its own. */
export interface TestService {
  url: string;
  config: Config;
  /** The environment from which another process can run the same service. */
  env: NodeJS.ProcessEnv;
  app: App;
  sandbox: Sandbox;
  redis: TestRedis;
  database: TestDatabase;
  token(userId: string, ...roles: string[]): Promise<string>;
  /** One GraphQL request over HTTP; without a token anonymous. */
  ask(query: string, variables?: object, token?: string): Promise<Answer>;
  /** A WebSocket client; closed with the service. */
  live(token?: string, params?: Record<string, unknown>): LiveClient;
  /** The same service with its clients talking to another of its processes. */
  at(url: string): TestService;
  /** Pays an open Checkout session as its page would, and returns the sandbox's answer. */
  pay(sessionId: string, paymentMethod?: string): Promise<Response>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  env?: NodeJS.ProcessEnv;
  overrides?: Overrides;
  /** False: no webhook reaches the service. */
  webhooks?: boolean;
  /** The service reaches its database through this port of the same machine. */
  throughGate?: number;
}

/** Starts everything, with the catalogue set up at the sandbox. */
export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const [database, redis, sandbox, port] = await Promise.all([
    createTestDatabase(),
    startTestRedis(),
    startSandbox({ port: 0, webhookSecrets: [WEBHOOK_SECRET] }),
    quietPort(),
  ]);
  const env = {
    NODE_ENV: "test",
    PORT: String(port),
    DATABASE_URL: options.throughGate ? atPort(database.url, options.throughGate) : database.url,
    REDIS_URL: redis.url,
    STRIPE_SECRET_KEY: "sk_test_suite",
    STRIPE_PUBLISHABLE_KEY: "pk_test_suite",
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: sandbox.url,
    JWT_SECRET,
    CORS_ORIGIN: "https://learn.example.com",
    CLOCK: "sandbox",
    RATE_LIMIT: "off",
    ...KEPT_FOR_EVER,
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? "silent",
    ...options.env,
  };
  const config = loadConfig(env);
  const path = options.webhooks === false ? "/nowhere" : "/webhooks/stripe";
  await setupStripe(config, { webhookUrl: `http://127.0.0.1:${port}${path}` });
  const app = await createApp(config, { ...logged(options.env), ...options.overrides });
  const clients: LiveClient[] = [];
  const speakTo = (url: string): TestService => ({
    ...{ url, config, env, app, sandbox, redis, database },
    at: speakTo,
    token: (sub, ...roles) =>
      signToken(config.jwt, { sub, email: `${sub}@example.com`, ...(roles.length > 0 && { roles }) }),
    ask: (query, variables, token) => ask(url, query, variables, token),
    live(token, params = {}) {
      const client = createClient({
        url: `${url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { ...(token && { token }), ...params },
        retryAttempts: 0,
      });
      clients.push(client);
      return client;
    },
    pay: (sessionId, paymentMethod = "pm_card_visa") =>
      fetch(`${sandbox.url}/sandbox/checkout/sessions/${sessionId}/complete`, {
        method: "POST",
        body: new URLSearchParams({ payment_method: paymentMethod }),
      }),
    async stop() {
      await Promise.all(clients.map((client) => client.dispose()));
      await app.stop();
      const faults = await faultsOfRequests(sandbox);
      await sandbox.close();
      await redis.stop();
      await database.drop();
      if (faults.length > 0) throw new Error(`the service asked Stripe wrongly:\n${faults.join("\n")}`);
    },
  });
  return speakTo((await app.start()).url);
}

/** Another process's worth of the same service on the same database and Redis. Stop it before the service. */
export async function startReplica(
  service: TestService,
  env: NodeJS.ProcessEnv = {},
  overrides: Overrides = {},
) {
  const app = await createApp(loadConfig({ ...service.env, PORT: "0", ...env }), {
    ...logged(env),
    ...overrides,
  });
  const { url } = await app.start();
  return { app, ...pick(service.at(url)) };
}

/** Whoever asks for a level of their own reads the log themselves. */
function logged(env: NodeJS.ProcessEnv = {}): Pick<Overrides, "logger"> {
  const logger = env.LOG_LEVEL ? undefined : suiteLogger();
  return logger ? { logger } : {};
}

const pick = ({ url, ask, live, token }: TestService) => ({ url, ask, live, token });

/** The same address at another port. */
export function atPort(address: string, port: number): string {
  const url = new URL(address);
  url.port = String(port);
  return url.href;
}

/** One GraphQL request over HTTP to any address. */
export async function ask(url: string, query: string, variables?: object, token?: string): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

/** A user id that no other test has. */
export const newUser = () => `user-${randomUUID()}`;

/** Asks again until `found` says yes; fails with what was seen last. For what arrives by itself, not for timing. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  found: (value: T) => boolean,
  withinMs = 20_000,
  everyMs = 25,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await read();
    if (found(value)) return value;
    if (Date.now() > deadline) throw new Error(`never happened; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Collects what a live subscription delivers. */
export function collect(
  client: LiveClient,
  query: string,
  { variables, onResult }: { variables?: Record<string, unknown>; onResult?: (result: Answer) => void } = {},
) {
  const results: Answer[] = [];
  let ended: "completed" | "failed" | undefined;
  let failure: unknown;
  const stop = client.subscribe(
    { query, ...(variables && { variables }) },
    {
      next: (result) => {
        results.push(result as unknown as Answer);
        onResult?.(result as unknown as Answer);
      },
      error: (error) => {
        ended = "failed";
        failure = error;
      },
      complete: () => {
        ended ??= "completed";
      },
    },
  );
  return { results, stop, ended: () => ended, failure: () => failure };
}
