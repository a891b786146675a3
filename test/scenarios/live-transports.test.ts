import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { jest } from "@jest/globals";
import { Redis } from "ioredis";
import { WebSocket } from "ws";
import { signToken } from "../../src/auth/token.ts";
import { poolOf } from "../../src/database.ts";
import { userChannel } from "../../src/events/redis.ts";
import { subscribe } from "../support/checkout.ts";
import { recordLogs } from "../support/logs.ts";
import { startRouter, type TestRouter } from "../support/router.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { sleepers } from "../support/sleepers.ts";
import { liveTransports, refusalOf } from "../support/transports.ts";

const STATUS = "subscription { subscriptionStatusChanged { status } }";
let service: TestService;
let router: TestRouter;
const { logger, lines } = recordLogs("info");
beforeAll(async () => {
  router = await startRouter();
  service = await startService({ env: router.env, overrides: { logger } });
});
afterAll(async () => {
  await service.stop();
  router.close();
});
beforeEach(() => {
  router.answer = () => 204;
});

const open = async ({ app } = service) =>
  (await app.parts.metrics.liveSubscriptions.get()).values[0]?.value ?? 0;
const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

const WAYS = Object.entries(liveTransports(() => router));

describe.each(WAYS)("by %s", (_name, begin) => {
  test("the state comes first, then each change", async () => {
    const token = await service.token(newUser());
    const live = begin(service, STATUS, { token });
    await eventually(
      () => live.results.length,
      (count) => count === 1,
    );
    expect(live.results[0]).toEqual({ data: { subscriptionStatusChanged: null } });
    await subscribe(service, token);
    await eventually(
      () => live.results.at(-1)?.data.subscriptionStatusChanged,
      (state) => state?.status === "ACTIVE",
    );
    live.stop();
    await eventually(open, (count) => count === 0);
  });

  test("a client that was away names the last event it saw and misses none", async () => {
    const userId = newUser();
    const token = await service.token(userId);
    await subscribe(service, token);
    const events = () =>
      execute<{ id: string; type: string }>(
        "select id, type from outbox where user_id = ? order by sequence",
        [userId],
      );
    const all = await eventually(events, (rows) =>
      ["payment.succeeded", "subscription.created"].every((type) => rows.some((row) => row.type === type)),
    );
    const shown = all.slice(1).filter(({ type }) => type !== "access.changed");
    const live = begin(service, "subscription ($after: ID) { paymentEvents(after: $after) { id } }", {
      ...{ token, variables: { after: all[0]?.id } },
    });
    await eventually(
      () => live.results.length,
      (count) => count >= shown.length,
    );
    expect(live.results.slice(0, shown.length).map(({ data }) => data.paymentEvents.id)).toEqual(
      shown.map(({ id }) => id),
    );
    live.stop();
    await eventually(open, (count) => count === 0);
  });

  test("it ends when its token does, and says so", async () => {
    // tokens are honoured for 30 s after their end, so this one ends in a moment
    const token = await signToken(service.config.jwt, { sub: newUser() }, "-28s");
    const live = begin(service, STATUS, { token });
    await eventually(
      () => live.results.length,
      (count) => count > 0,
    );
    expect(live.results[0]?.errors).toBeUndefined();
    expect(await refusalOf(live)).toEqual(
      expect.objectContaining({
        message: expect.stringContaining("expired"),
        extensions: { code: "UNAUTHENTICATED" },
      }),
    );
    await eventually(open, (count) => count === 0);
  });

  test("the process listens to the users whom it serves, and to nobody else", async () => {
    const redis = new Redis(service.redis.url);
    const heard = () => redis.pubsub("CHANNELS", userChannel("*")) as Promise<string[]>;
    await eventually(heard, (channels) => channels.length === 0);
    const users = [newUser(), newUser()];
    const token = await service.token("chief", "admin");
    const begun = users.map((userId) =>
      begin(service, `subscription { accessChanged(userId: "${userId}") { id } }`, { token }),
    );
    const channels = await eventually(heard, ({ length }) => length === 2);
    expect([...channels].sort()).toEqual(users.map(userChannel).sort());
    for (const live of begun) {
      await eventually(
        () => live.results.length,
        (count) => count > 0,
      );
      live.stop();
    }
    await eventually(heard, ({ length }) => length === 0);
    redis.disconnect();
  });

  test("a service that stops ends it as what is not complete, so that clients come again", async () => {
    const replica = await startReplica(service, { WORKER: "off" });
    const live = begin(service, STATUS, { token: await service.token(newUser()), url: replica.url });
    await eventually(
      () => live.results.length,
      (count) => count === 1,
    );
    await replica.app.stop();
    expect(await eventually(live.ended, (end) => end !== undefined)).toBe("failed");
  });
});

describe("a client that reads nothing holds back its source, and misses nothing", () => {
  test.each(sleepers(() => router))("by %s", async (name, sleep) => {
    const count = name === "callback" ? 300 : 3_000; // a connection has buffers at both ends
    const userId = newUser();
    const ids = Array.from({ length: count + 1 }, () => randomUUID());
    await execute(
      `insert into outbox (id, user_id, sequence, type, data, occurred_at, sent_at, next_try_at)
       select id::uuid, ?, place, 'payment.succeeded', '{}', now(), now(), now()
       from jsonb_array_elements_text(?::jsonb) with ordinality as ids (id, place)`,
      [userId, JSON.stringify(ids)],
    );
    // so large that neither end's buffers take all of them
    const fields = Array.from({ length: 100 }, (_, at) => `f${at}: id`).join(" ");
    const query = `subscription ($after: ID) { paymentEvents(after: $after) { ${fields} } }`;
    const reads = await countReads();
    const sleeper = await sleep(
      service,
      await service.token(userId),
      { query, variables: { after: ids[0] } },
      count,
    );
    expect(await settled(reads.count)).toBeLessThan((0.8 * count) / 100);
    expect(await sleeper.wake()).toEqual(ids.slice(1));
    reads.stop();
  });

  /** Counts the reads of events from now on. */
  async function countReads() {
    const client = await (await poolOf(service.app.parts.orm)).connect();
    const prototype = Object.getPrototypeOf(client) as { query(...args: unknown[]): unknown };
    client.release();
    const query = jest.spyOn(prototype, "query");
    const isRead = ([asked]: unknown[]) =>
      /from outbox\s+where user_id = \$1 and sequence >/.test(
        (asked as { text?: string }).text ?? String(asked),
      );
    return { count: () => query.mock.calls.filter(isRead).length, stop: () => query.mockRestore() };
  }

  /** The count once it has begun and stays. */
  async function settled(count: () => number): Promise<number> {
    let [last, same] = [0, 0];
    await eventually(
      () => {
        same = count() === last ? same + 1 : 0;
        last = count();
      },
      () => last > 0 && same >= 10,
      20_000,
      50,
    );
    return last;
  }
});

test("a connection for which too much waits is given up", async () => {
  const socket = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init" }));
  await once(socket, "message");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {}); // cut in the middle of what it says
  socket.pause();
  lines.splice(0);
  const query = `subscription { ${"x".repeat(60_000)} }`; // whose refusal names the field
  for (let id = 0; id < 400; id++)
    socket.send(JSON.stringify({ id: `${id}`, type: "subscribe", payload: { query } }));
  await eventually(
    () => lines.filter(({ msg }) => msg === "a live connection was given up"),
    ([line]) => line?.reason === "it does not read",
  );
  socket.resume();
  expect(await closed).toBe(1006);
});

test("a connection has so many operations at a time", async () => {
  const client = service.live(await service.token(newUser()));
  const errors: unknown[] = [];
  for (let at = 0; at < 101; at++)
    client.subscribe({ query: STATUS }, { next() {}, complete() {}, error: (error) => errors.push(error) });
  await eventually(
    () => errors.length,
    (count) => count > 0,
  );
  expect(errors).toMatchObject([[{ extensions: { code: "RATE_LIMITED", retryable: true } }]]);
  await client.dispose();
});
