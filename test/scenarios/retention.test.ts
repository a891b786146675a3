import { Redis } from "ioredis";
import { STREAM } from "../../src/events/stream.ts";
import { openCheckout, subscribe } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";
import { deliver } from "../support/webhook.ts";

// Everything that grows is let go of by its age, on business time: the tests move the clock.
let service: TestService;
let redis: Redis;
let userId: string;
let token: string;
beforeEach(async () => {
  service = await startService({
    env: {
      RETAIN_PAYLOAD_DAYS: "30",
      RETAIN_EVENT_ID_DAYS: "60",
      RETAIN_KEY_DAYS: "10",
      RETAIN_OUTBOX_DAYS: "25",
      RETAIN_INTENT_DAYS: "90",
    },
  });
  redis = new Redis(service.redis.url);
  userId = newUser();
  token = await service.token(userId);
});
afterEach(async () => {
  redis.disconnect();
  await service.stop();
});

const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const count = async (sql: string, params: unknown[] = []) =>
  Number((await rows<{ n: string }>(`select count(*) as n from ${sql}`, params))[0]?.n);
const trim = () => service.app.parts.retention.trim();

async function advance(days: number): Promise<void> {
  await fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ days }),
  });
  const { clock } = service.app.parts;
  await eventually(
    () => service.sandbox.now().getTime() - clock.now().getTime(),
    (behind) => behind < 5_000,
  );
}

/** Everything that arrived has been worked on, and every event sent. */
const settled = () =>
  eventually(
    () =>
      rows(
        `select id from stripe_events where status = 'pending' union all
         select id::text from outbox where sent_at is null union all
         select id::text from intents where settled_at is null and state <> 'FAILED'`,
      ),
    (open) => open.length === 0,
  );

test("payloads go first, ids stay longer, and what is not done stays for good", async () => {
  await subscribe(service, token);
  await settled();
  const ids = (await rows<{ id: string }>("select id from stripe_events")).map(({ id }) => id);
  const [example] = await rows<{ id: string; payload: object }>(
    "select id, payload from stripe_events where status = 'done' limit 1",
  );
  await rows("update stripe_events set status = 'failed' where id = ?", [
    ids.find((id) => id !== example?.id),
  ]);
  const known = `stripe_events where id in (select jsonb_array_elements_text('${JSON.stringify(ids)}'))`;
  const nothing = { event_payloads: 0, events: 0, idempotency_keys: 0, outbox: 0, intents: 0, stream: 0 };
  expect(await trim()).toMatchObject(nothing);
  expect(await count(`${known} and payload is null`)).toBe(0);

  await advance(31);
  await settled();
  expect((await trim()).event_payloads).toBe(ids.length - 1);
  expect(await count(known)).toBe(ids.length);
  expect(await count(`${known} and payload is not null`)).toBe(1);
  const again = await deliver(service, JSON.stringify(example?.payload));
  expect(again.status).toBe(200);
  expect(await count("stripe_events where id = ? and status = 'done'", [example?.id])).toBe(1);
  expect(await trim()).toMatchObject({ event_payloads: 0 });

  await advance(30);
  await settled();
  expect((await trim()).events).toBe(ids.length - 1);
  expect(await rows(`select status from ${known}`)).toEqual([{ status: "failed" }]);
  // what came since is as young as it was
  expect(await count("stripe_events where payload is not null and status <> 'failed'")).toBeGreaterThan(0);
});

test("events that were sent go from the table and the stream; the order of those that follow goes on", async () => {
  await subscribe(service, token);
  await settled();
  const sent = await rows<{ id: string; sequence: string }>(
    "select id, sequence from outbox where user_id = ? order by sequence",
    [userId],
  );
  expect(sent.length).toBeGreaterThan(1);
  await redis.xadd(STREAM, "*", "event", "of somebody else, and no JSON");
  const before = await redis.xlen(STREAM);
  await advance(20);
  const young = newUser();
  await subscribe(service, await service.token(young));
  await settled();
  await advance(6);
  await settled();
  const trimmed = await trim();
  expect([trimmed.outbox, trimmed.stream]).toEqual([sent.length - 1, before]);
  expect(await count("outbox where user_id = ?", [young])).toBeGreaterThan(1);
  const left = await redis.xrange(STREAM, "-", "+");
  const subjects = left.map(([, [, message]]) => JSON.parse(message as string).subject);
  expect(subjects).toContain(young);
  expect(subjects.filter((subject) => subject === userId)).toEqual([]);

  const last = sent.at(-1) as { id: string; sequence: string };
  const [kept] = await rows<{ id: string; sequence: string }>(
    "select id, sequence from outbox where user_id = ? order by sequence",
    [userId],
  );
  expect(kept).toEqual(last);
  const replay = async (after: string) => {
    const stream = service.live(token).iterate({
      query: "subscription ($after: ID) { paymentEvents(after: $after) { id type } }",
      variables: { after },
    });
    const { value } = await stream.next();
    await stream.return?.();
    return value;
  };
  expect((await replay(String(sent[0]?.id))).errors[0].extensions.code).toBe("BAD_USER_INPUT");
  await stripeOf(service).subscriptions.cancel(
    String(
      (
        await rows<{ id: string }>(
          "select stripe_subscription_id as id from subscriptions where user_id = ?",
          [userId],
        )
      )[0]?.id,
    ),
  );
  expect((await replay(last.id)).data.paymentEvents.type).toMatch(/^SUBSCRIPTION/);
  const [first] = await rows<{ sequence: string }>(
    "select sequence from outbox where user_id = ? and id <> ? order by sequence",
    [userId, last.id],
  );
  expect(Number(first?.sequence)).toBe(Number(last.sequence) + 1);
});

test("clients' keys and settled intents go; what happens once still has happened, and a call that runs keeps its key", async () => {
  const key = { idempotencyKey: "retention-1" };
  const first = (await openCheckout(service, token, key)).data.createCheckoutSession;
  await rows(
    `insert into idempotency_keys (caller_id, key, operation, input_hash, lease_until, created_at)
     values ('user:slow', 'running', 'createCheckoutSession', 'x', now() + interval '1 minute', ?)`,
    [service.app.parts.clock.now()],
  );
  await settled();
  await advance(11);
  expect((await trim()).idempotency_keys).toBe(1);
  expect(await rows("select key from idempotency_keys")).toEqual([{ key: "running" }]);
  const second = (await openCheckout(service, token, key)).data.createCheckoutSession;
  expect(second.id).not.toBe(first.id);

  await settled();
  const kinds = () => rows("select distinct kind, state from intents order by kind");
  await rows("update intents set state = 'PENDING', settled_at = null where stripe_id = ?", [second.id]);
  await advance(91);
  expect((await trim()).intents).toBeGreaterThan(0);
  expect(await kinds()).toEqual([
    { kind: "create-checkout-session", state: "PENDING" },
    { kind: "create-customer", state: "SUCCEEDED" },
  ]);
});

test("the order of reads begins anew only when no read can be under way any more", async () => {
  await subscribe(service, token);
  await settled();
  const tickets = await rows<{ object_id: string }>("select object_id from sync_tickets order by object_id");
  expect((await trim()).sync_tickets).toBe(0);
  const [old] = tickets;
  await rows("update sync_tickets set issued_at = now() - interval '91 days' where object_id = ?", [
    old?.object_id,
  ]);
  expect((await trim()).sync_tickets).toBe(1);
  expect(await rows("select object_id from sync_tickets order by object_id")).toEqual(tickets.slice(1));
});

test("any number goes, batch by batch, and is counted", async () => {
  await rows(
    `insert into idempotency_keys (caller_id, key, operation, input_hash, reference, created_at)
     select 'user:many', n::text, 'x', 'x', 'x', ?::timestamptz - interval '11 days' from generate_series(1, 2500) n`,
    [service.app.parts.clock.now()],
  );
  await rows(
    `insert into stripe_events (id, type, payload, status, received_at, stored_at, next_try_at)
     select 'evt_many_' || n, 'x', '{}', 'ignored', now() - interval '40 days', now() - interval '40 days', now()
     from generate_series(1, 2500) n`,
  );
  await rows(
    `insert into sync_tickets (object_id, issued, issued_at)
     select 'many_' || n, 1, now() - interval '100 days' from generate_series(1, 2500) n`,
  );
  const longAgo = new Date(service.app.parts.clock.now().getTime() - 90 * 86_400_000);
  await rows(
    `insert into expiry_notices (stripe_payment_method_id, exp_year, exp_month, user_id, told_at)
     select 'pm_many_' || n, extract(year from month), extract(month from month), 'many', month
     from (select n, date_trunc('month', ?::timestamptz at time zone 'UTC') - (n > 1)::int * interval '1 day' as month
             from generate_series(1, 2501) n) of_this_month_or_the_last`,
    [longAgo],
  );
  const gone = { idempotency_keys: 2_500, event_payloads: 2_500, sync_tickets: 2_500, expiry_notices: 2_500 };
  expect(await trim()).toMatchObject(gone);
  expect(await rows("select stripe_payment_method_id as id from expiry_notices")).toEqual([
    { id: "pm_many_1" },
  ]);
  const { values } = await service.app.parts.metrics.trimmed.get();
  expect(values.find(({ labels }) => labels.what === "event_payloads")?.value).toBe(2_500);
});

test("with Redis away rows go all the same", async () => {
  await subscribe(service, token);
  await settled();
  await advance(31);
  await settled();
  await service.redis.stop();
  const trimmed = await trim();
  expect(trimmed.stream).toBe(0);
  expect(trimmed.outbox).toBeGreaterThan(0);
});

test("a worker does it by the hour", async () => {
  await eventually(
    () => rows<{ identifier: string }>("select identifier from graphile_worker._private_known_crontabs"),
    (known) => known.some(({ identifier }) => identifier === "retention"),
  );
  await rows(
    `insert into idempotency_keys (caller_id, key, operation, input_hash, reference, created_at)
     values ('user:old', 'old', 'x', 'x', 'x', ?::timestamptz - interval '11 days')`,
    [service.app.parts.clock.now()],
  );
  await rows("select graphile_worker.add_job('retention')");
  await eventually(
    () => count("idempotency_keys where caller_id = 'user:old'"),
    (left) => left === 0,
  );
});
