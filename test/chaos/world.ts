import { Redis } from "ioredis";
import { Pool } from "pg";
import Stripe from "stripe";
import { type Sandbox, startSandbox } from "../../sandbox/index.ts";
import { signToken } from "../../src/auth/token.ts";
import { loadConfig } from "../../src/config.ts";
import { setupStripe } from "../../src/stripe/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";
import { type Answer, KEPT_FOR_EVER, newUser, WEBHOOK_SECRET } from "../support/service.ts";
import type { Host } from "./host.ts";
import { InProcessHost } from "./in-process-host.ts";
import { ProcessHost } from "./process-host.ts";
import { retryAtOnce } from "./retry-at-once.ts";
import { openWay, type Way } from "./way.ts";

const JWT_SECRET = "a secret of the histories, long enough for production";
/** How PostgreSQL knows the connections of whoever watches. */
const BYSTANDER = "histories";
/** Learners of a history. */
const USERS = 3;

/** Two courses and the path that they make up, which takes off what was paid for them. */
const ON_SALE = `
  insert into offers (resource_type, resource_id, title, amount_minor, currency, credits_owned_courses, created_at)
  values ('COURSE', 'course-a', 'A', 4900, 'USD', false, now()), ('COURSE', 'course-b', 'B', 1900, 'USD', false, now()),
         ('LEARNING_PATH', 'path-of-both', 'Both', 6000, 'USD', true, now());
  insert into learning_path_courses (path_id, course_id, position)
  values ('path-of-both', 'course-a', 0), ('path-of-both', 'course-b', 1)`;

/** One learner, and what the history did for them that nothing else remembers. */
export interface Learner {
  id: string;
  token: string;
  /** Customers of theirs that were deleted at Stripe, which no list shows any more. */
  deleted: string[];
  /** Customers that were theirs when somebody asked for them to be anonymised. */
  had: string[];
  /** Keys of their idempotent calls. */
  keys: Map<string, object>;
}

/** The service, its PostgreSQL, Redis and Stripe, for one history after the other. */
export class World {
  learners: Learner[] = [];
  /** The token of somebody who may do everything. */
  admin = undefined as string | undefined;
  /** Answers that nobody should ever get. */
  readonly surprises: string[] = [];
  /** Steps that nobody waited for. */
  readonly underWay = new Set<Promise<unknown>>();
  /** How often each thing happened, found nothing to do, or was refused. */
  readonly tally = new Map<string, { happened: number; idle: number; refused: number }>();
  /** Users of other programs on the same account. */
  foreign: string[] = [];
  /** Redis, as another service of the platform reads it. */
  readonly stream: Redis;

  private constructor(
    readonly sandbox: Sandbox,
    readonly database: TestDatabase,
    readonly redis: TestRedis,
    readonly pool: Pool,
    readonly stripe: Stripe,
    readonly host: Host,
    /** Whether a history is none in which the service does not die. */
    readonly mustDie: boolean,
    private readonly front: Way,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.stream = new Redis(redis.url);
  }

  /** @param inProcess false: the service is a process of its own, and dies by `kill -9` */
  static async open({ inProcess = true } = {}): Promise<World> {
    const [database, redis, sandbox] = await Promise.all([
      createTestDatabase(),
      startTestRedis(),
      startSandbox({ port: 0, webhookSecrets: [WEBHOOK_SECRET] }),
    ]);
    const env = {
      NODE_ENV: "test",
      HOST: "127.0.0.1",
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      STRIPE_SECRET_KEY: "sk_test_suite",
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_API_BASE: sandbox.url,
      JWT_SECRET,
      CORS_ORIGIN: "https://learn.example.com",
      CLOCK: "sandbox",
      RATE_LIMIT: "off",
      ...KEPT_FOR_EVER,
      LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? "silent",
    };
    retryAtOnce(Stripe);
    const front: Way = openWay(() => host.port);
    const hangUp = () => {
      front.shut();
      front.open();
    };
    const host: Host = inProcess ? new InProcessHost(env, hangUp) : new ProcessHost(env);
    const pool = new Pool({ connectionString: database.url, max: 4, application_name: BYSTANDER });
    pool.on("error", () => {}); // the database is dropped at the end
    const stripe = new Stripe("sk_test_suite", {
      ...{ host: "127.0.0.1", port: sandbox.port, protocol: "http", telemetry: false },
      ...{ timeout: 400, maxNetworkRetries: 4 },
    });
    return new World(sandbox, database, redis, pool, stripe, host, !inProcess, front, env);
  }

  /** Whether events were recorded that no webhook told of. */
  webhooksWereLost = false;
  /** Deaths of the service before this history. */
  private deathsBefore = 0;

  /** Whether the service has died in this history. */
  get hasDied(): boolean {
    return this.deaths > this.deathsBefore;
  }

  private get deaths(): number {
    return this.host.deaths.atPoint + this.host.deaths.atOnce;
  }
  /** Milliseconds that each part of a history took, of all histories together. */
  readonly spent = new Map<string, number>();

  get url(): string {
    return `http://127.0.0.1:${this.front.port}`;
  }

  /** An empty Stripe with our catalogue, new learners, and the service up. */
  async begin(): Promise<void> {
    await fetch(`${this.sandbox.url}/sandbox/state`, { method: "DELETE" });
    await setupStripe(loadConfig(this.env), { webhookUrl: `${this.url}/webhooks/stripe` });
    await this.rows("delete from stripe_events where received_at < now() - interval '30 seconds'");
    const now = Math.floor(this.sandbox.now().getTime() / 1_000);
    await this.rows(
      "update cursors set state = $1, lease_until = null, leased_by = null, next_run_at = now() + interval '1 minute' where name = 'events'",
      [{ reached: now, begun: now }],
    );
    await this.rows("delete from cursors where name = 'objects'");
    // cards are the same in all histories: who had a trial in one of them would have none in the next
    await this.rows("delete from trial_claims");
    await this.rows("delete from anonymized_users where finished_at is null");
    // codes are the same in all of them, too
    await this.rows("delete from promotion_redemptions");
    await this.rows("delete from promotions");
    await this.stream.del("payment-events");
    // and so is what is sold, whatever the last one made of it
    await this.rows("delete from offers");
    await this.rows("delete from learning_path_courses");
    await this.pool.query(ON_SALE);
    this.webhooksWereLost = false;
    this.deathsBefore = this.deaths;
    this.surprises.length = 0;
    this.underWay.clear();
    this.foreign = [];
    const { jwt } = loadConfig(this.env);
    this.admin ??= await signToken(jwt, { sub: "chief", roles: ["admin"] });
    this.learners = await Promise.all(
      Array.from({ length: USERS }, async () => {
        const id = newUser();
        const token = await signToken(jwt, { sub: id, email: `${id}@example.com` });
        return { id, token, deleted: [], had: [], keys: new Map() };
      }),
    );
    if (this.host.isDown) await this.restart();
  }

  /** What was leased by a process that is gone is free at once, instead of in a minute. */
  async restart(): Promise<void> {
    if (!this.mustDie) await this.endSessions();
    await this.rows("update stripe_events set lease_until = now() where lease_until > now()");
    await this.rows("update outbox set lease_until = null where lease_until is not null");
    await this.rows("update intents set lease_until = null where lease_until is not null");
    await this.rows("update cursors set lease_until = null, leased_by = null where lease_until is not null");
    await this.rows(
      "update idempotency_keys set lease_until = now() where reference is null and lease_until > now()",
    );
    await this.rows(
      "update graphile_worker._private_jobs set locked_at = now() - interval '5 hours' where locked_at is not null",
    );
    await this.host.start();
  }

  /** What a service that was cut off had still asked of PostgreSQL could otherwise lease work after this. */
  private async endSessions(): Promise<void> {
    await this.rows(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where datname = current_database() and application_name <> $1`,
      [BYSTANDER],
    );
  }

  async rows<T extends object = Record<string, unknown>>(sql: string, params: unknown[] = []): Promise<T[]> {
    return (await this.pool.query(sql, params)).rows as T[];
  }

  /** Does a part of a history, and notes how long that took. */
  async timed<T>(part: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    return work().finally(() =>
      this.spent.set(part, (this.spent.get(part) ?? 0) + performance.now() - began),
    );
  }

  count(what: string, outcome: "happened" | "idle" | "refused"): void {
    const counts = this.tally.get(what) ?? { happened: 0, idle: 0, refused: 0 };
    counts[outcome] += 1;
    this.tally.set(what, counts);
  }

  /** A GraphQL request; undefined when nobody answered. */
  async ask(
    { token }: Pick<Learner, "token">,
    query: string,
    variables: object = {},
  ): Promise<Answer | undefined> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    }).catch(() => undefined);
    const answer = (await response?.json().catch(() => undefined)) as Answer | undefined;
    for (const { extensions, message } of answer?.errors ?? [])
      if (extensions.code === "INTERNAL_SERVER_ERROR" && !this.host.isDown)
        this.surprises.push(`${query.slice(0, 60)}… was answered ${extensions.code}: ${message}`);
    return answer;
  }

  /** One of the sandbox's own paths; what it refuses is thrown. */
  async control(path: string, body: object = {}): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.sandbox.url}/sandbox/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  /** Whether Stripe sends events at all; those that it does not send are never sent. */
  async webhooksArrive(can: boolean): Promise<void> {
    if (!can) this.webhooksWereLost = true;
    const { data } = await this.stripe.webhookEndpoints.list();
    for (const { id } of data) await this.stripe.webhookEndpoints.update(id, { disabled: !can });
  }

  /** The learner's customers at Stripe, newest first; also when nothing says so any more. */
  async customers({ id, had }: Learner): Promise<Stripe.Customer[]> {
    const { data } = await this.stripe.customers.list({ limit: 100 });
    return data.filter((one) => one.metadata.cmh_user_id === id || had.includes(one.id));
  }

  async close(): Promise<void> {
    await this.host.stop();
    await this.front.close();
    await this.sandbox.close();
    await this.pool.end();
    this.stream.disconnect();
    await this.redis.stop();
    await this.database.drop();
  }
}
