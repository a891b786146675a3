import { Redis } from "ioredis";
import { userChannel } from "../../src/events/redis.ts";
import { openCheckout, STATUS, subscribe } from "../support/checkout.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { recordLogs } from "../support/logs.ts";
import {
  type Answer,
  collect,
  eventually,
  newUser,
  startService,
  type TestService,
} from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

const LIVE_STATUS = "subscription { subscriptionStatusChanged { id } }";
let service: TestService;
let gate: Gate;
const { logger, lines } = recordLogs("info");

beforeAll(async () => {
  gate = await openGate(Number(new URL(process.env.TEST_DATABASE_ADMIN_URL as string).port));
  service = await startService({ throughGate: gate.port, overrides: { logger } });
});
afterAll(async () => {
  gate.open();
  await service.stop();
  await gate.close();
});
beforeEach(() => void lines.splice(0));

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

type Refusal = NonNullable<Answer["errors"]>[number];
const refusalOf = (live: ReturnType<typeof collect>) =>
  eventually(
    () => (live.results.at(-1)?.errors ?? (live.failure() as Refusal[] | undefined))?.[0],
    (refusal) => refusal !== undefined,
  ) as Promise<Refusal>;

/** A live subscription that has shown its first state. */
async function watching(token: string) {
  const live = collect(service.live(token), LIVE_STATUS);
  await eventually(
    () => live.results.length,
    (count) => count === 1,
  );
  return live;
}

/** Makes the live subscriptions of a user look again. */
async function signal(userId: string): Promise<void> {
  const redis = new Redis(service.redis.url);
  await redis.publish(userChannel(userId), "{}");
  redis.disconnect();
}

test("a fault of ours is the same over HTTP and WebSocket: masked, logged in full, under an id to report", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const early = await watching(token);
  await execute("alter table subscriptions rename to subscriptions_away");
  try {
    await signal(userId);
    const late = collect(service.live(token), LIVE_STATUS);
    const overHttp = (await service.ask(STATUS, {}, token)).errors?.[0] as Refusal;
    for (const refusal of [overHttp, await refusalOf(early), await refusalOf(late)]) {
      const { requestId } = refusal.extensions as { requestId?: string };
      expect(refusal).toMatchObject({
        message: overHttp.message,
        extensions: { code: "INTERNAL_SERVER_ERROR", requestId: expect.any(String) },
      });
      const line = lines.find((one) => one.requestId === requestId);
      expect(line?.err).toMatchObject({ message: expect.stringContaining('"subscriptions" does not exist') });
    }
    // a round that looked at the table meanwhile says so too, of no request
    expect(new Set(lines.flatMap(({ requestId }) => requestId ?? [])).size).toBe(3);
  } finally {
    await execute("alter table subscriptions_away rename to subscriptions");
  }
});

test("so is a database that is away", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const live = await watching(token);
  gate.shut();
  await signal(userId);
  const overHttp = (await service.ask(STATUS, {}, token)).errors?.[0] as Refusal;
  const overSocket = await refusalOf(live);
  gate.open();
  expect(overSocket.message).toBe(overHttp.message);
  expect(overSocket.extensions).toEqual({ code: "SERVICE_UNAVAILABLE", retryable: true });
  expect(lines).toContainEqual(
    expect.objectContaining({ code: "SERVICE_UNAVAILABLE", requestId: expect.any(String) }),
  );
});

test("a live operation is logged under the ids that its connection came with", async () => {
  const { createClient } = await import("graphql-ws");
  const { WebSocket } = await import("ws");
  const trace = "0af7651916cd43dd8448eb211c80319c";
  class Traced extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, {
        headers: { "x-request-id": "from-the-router", traceparent: `00-${trace}-b7ad6b7169203331-01` },
      });
    }
  }
  const client = createClient({
    url: `${service.url.replace("http", "ws")}/graphql`,
    webSocketImpl: Traced,
    connectionParams: { token: await service.token(newUser()) },
    retryAttempts: 0,
  });
  await execute("alter table subscriptions rename to subscriptions_away");
  try {
    const { extensions } = await refusalOf(collect(client, LIVE_STATUS));
    expect(extensions).toMatchObject({ requestId: "from-the-router" });
    expect(lines).toContainEqual(
      expect.objectContaining({ requestId: "from-the-router", traceId: trace, msg: "unexpected error" }),
    );
  } finally {
    await execute("alter table subscriptions_away rename to subscriptions");
    await client.dispose();
  }
});

test("a row that PostgreSQL refuses is told to nobody: not to the log, not beside its event", async () => {
  const userId = newUser();
  await openCheckout(service, await service.token(userId));
  const id = await customerOf(service, userId);
  await execute(
    "alter table customers add constraint no_such_email check (email not like 'hush%') not valid",
  );
  try {
    await stripeOf(service).customers.update(id, { email: "hush@example.com" });
    const event = eventOf("customer.updated", { id });
    await deliver(service, JSON.stringify(event));
    const [row] = await eventually(
      () =>
        execute<{ last_error: string | null }>("select last_error from stripe_events where id = ?", [
          event.id,
        ]),
      ([found]) => found?.last_error != null,
    );
    expect(row?.last_error).toMatch(/violates check constraint "no_such_email"$/);
    const told = lines.filter(({ msg }) => msg === "an event could not be worked on");
    expect(told[0]?.err).toMatchObject({
      code: "23514",
      constraint: "no_such_email",
      stack: expect.any(String),
    });
    expect(JSON.stringify(lines)).not.toContain("hush@");
  } finally {
    await execute("alter table customers drop constraint no_such_email");
  }
});

test("the audit log keeps no address at the provider", async () => {
  const token = await service.token(newUser());
  await subscribe(service, token);
  const rows = await eventually(
    () =>
      execute<{ table_name: string; entry: string }>(
        "select table_name, concat(before, after) as entry from audit_log",
      ),
    (found) =>
      found.some(({ table_name, entry }) => table_name === "payments" && entry.includes("receiptUrl")),
  );
  expect(new Set(rows.map(({ table_name }) => table_name))).toContain("checkout_sessions");
  for (const { entry } of rows) expect(entry).not.toMatch(/https?:|_secret_/);
});
