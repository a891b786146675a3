import type Stripe from "stripe";
import { lockFree, lockUser } from "../../src/user-lock.ts";
import { subjectOf } from "../../src/webhooks/event-table.ts";
import { Inbox } from "../../src/webhooks/inbox.ts";
import { burstsIn } from "../../src/webhooks/intake.ts";
import { openCheckout } from "../support/checkout.ts";
import { recordPayments } from "../support/recorded-payments.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";
import { deliver } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  // nothing works by itself: the tests say what is worked on together
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** A payment's events, in the inbox, and the keys of what they are about. */
async function payment(): Promise<{ keys: string[]; user: string }> {
  const known = await execute<{ id: string }>("select id from stripe_events");
  const { events, users } = await recordPayments(service, 1);
  const fresh = events.filter(({ id }) => !known.some((event) => event.id === id));
  for (const event of fresh) expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  const keyOf = ({ type, data }: Stripe.Event) => {
    const subject = subjectOf(type, data);
    return `${subject?.aggregate}:${subject?.id}`;
  };
  return { keys: [...new Set(fresh.map(keyOf))], user: users[0] as string };
}
const statuses = () =>
  execute<{ status: string; aggregate: string }>(
    "select distinct status, aggregate from stripe_events where status <> 'done' order by 1, 2",
  );
const transactions = (user: string) =>
  execute<{ xmin: string }>(
    ["customers", "checkout_sessions", "subscriptions", "invoices", "payments", "user_access", "outbox"]
      .map((table) => `select xmin::text from ${table} where user_id = ?`)
      .join(" union "),
    Array(7).fill(user),
  );

test("what a payment's events tell is read once and written in one transaction", async () => {
  const { keys, user } = await payment();
  expect(keys.map((key) => key.split(":")[0]).sort()).toEqual([
    "checkout_session",
    "customer",
    "invoice",
    "payment_intent",
    "subscription",
  ]);
  await service.app.parts.inbox.workAll(keys);
  expect(await statuses()).toEqual([]);
  expect(await transactions(user)).toHaveLength(1);
  const ids = JSON.stringify(keys.map((key) => key.split(":")[1]));
  expect(
    await execute(
      `select distinct issued::int, applied::int from sync_tickets
        where object_id in (select jsonb_array_elements_text(?::jsonb))`,
      [ids],
    ),
  ).toEqual([{ issued: 1, applied: 1 }]);
  expect(
    await execute(
      "select type from outbox where user_id = ? and type <> 'access.changed' order by sequence",
      [user],
    ),
  ).toEqual([{ type: "subscription.created" }, { type: "payment.succeeded" }]);
});

test("what one process stored is one burst of the customer's in another, too", async () => {
  await execute("delete from graphile_worker._private_jobs");
  const { user } = await payment();
  const jobs = await execute<{ payload: string[] }>("select payload from graphile_worker._private_jobs");
  const { orm, sync, clock, metrics, logger } = service.app.parts;
  const another = new Inbox(orm.em, sync, false, { clock, metrics, logger });
  const bursts = jobs.flatMap(({ payload }) => (Array.isArray(payload) ? burstsIn(payload) : []));
  expect(bursts.length).toBeGreaterThan(1);
  await Promise.all(bursts.map(({ keys, group }) => another.workAll(keys, group)));
  expect(await statuses()).toEqual([]);
  expect(await transactions(user)).toHaveLength(1);
});

test("one that cannot be read takes none of the others along, and is done when it can", async () => {
  const { keys, user } = await payment();
  const id = keys.find((key) => key.startsWith("checkout_session:"))?.split(":")[1];
  await setFaults(service, {
    calls: [{ method: "GET", path: `/v1/checkout/sessions/${id}`, status: 400, when: "before" }],
  });
  await service.app.parts.inbox.workAll(keys);
  expect(await statuses()).toEqual([{ status: "pending", aggregate: "checkout_session" }]);
  await setFaults(service, { reset: true });
  await execute("update stripe_events set next_try_at = now() where status = 'pending'");
  await service.app.parts.inbox.workAll(keys);
  expect(await statuses()).toEqual([]);
  expect(await execute("select 1 from user_access where user_id = ?", [user])).toHaveLength(1);
});

/** How many payments have been read from Stripe so far. */
async function paymentsRead(): Promise<number> {
  const { values } = await service.app.parts.metrics.stripeSeconds.get();
  const reads = values.filter(
    ({ metricName, labels }) => metricName?.endsWith("_count") && labels.operation === "charges.list",
  );
  return reads.reduce((sum, { value }) => sum + value, 0);
}

test("users whose events come at the same time are written in one transaction", async () => {
  const payments = [];
  for (let made = 0; made < 8; made++) payments.push(await payment());
  const readBefore = await paymentsRead();
  const blocker = service.app.parts.orm.em.fork();
  await blocker.begin();
  await blocker.execute("lock table user_access in exclusive mode");
  const working = payments.map(({ keys }) => service.app.parts.inbox.workAll(keys));
  // whoever is first to write waits for the table, and the others come meanwhile
  await eventually(paymentsRead, (read) => read === readBefore + 8);
  await blocker.commit();
  await Promise.all(working);
  expect(await statuses()).toEqual([]);
  const found = await Promise.all(payments.map(({ user }) => transactions(user)));
  expect(found.map((own) => own.length)).toEqual(Array(8).fill(1));
  expect(new Set(found.flat().map(({ xmin }) => xmin)).size).toBeLessThan(8);
  const events = await execute<{ sequences: number[] }>(
    `select array_agg(sequence::int order by sequence) as sequences from outbox
      where user_id in (select jsonb_array_elements_text(?::jsonb)) group by user_id`,
    [JSON.stringify(payments.map(({ user }) => user))],
  );
  expect(events).toEqual(Array(8).fill({ sequences: [1, 2, 3] }));
}, 60_000);

test("one whose rows cannot be written keeps no other from being written", async () => {
  const [poisoned, ...others] = [await payment(), await payment(), await payment()];
  await execute(`alter table checkout_sessions add constraint poison check (user_id <> '${poisoned?.user}')`);
  await Promise.all(
    [poisoned, ...others].map((one) => service.app.parts.inbox.workAll(one?.keys as string[])),
  );
  expect(await statuses()).toEqual([{ status: "pending", aggregate: "checkout_session" }]);
  for (const { user } of others)
    expect(await execute("select 1 from payments where user_id = ?", [user])).toHaveLength(1);
  await execute("alter table checkout_sessions drop constraint poison");
  await execute("update stripe_events set next_try_at = now() where status = 'pending'");
  await service.app.parts.inbox.workAll(poisoned?.keys as string[]);
  expect(await statuses()).toEqual([]);
});

test("one whose lock somebody holds waits for it alone", async () => {
  const [held, other] = [await payment(), await payment()];
  const holder = service.app.parts.orm.em.fork();
  await holder.begin();
  await lockUser(holder, held.user);
  const waiting = service.app.parts.inbox.workAll(held.keys);
  await service.app.parts.inbox.workAll(other.keys);
  const done = (user: string) => execute("select 1 from user_access where user_id = ?", [user]);
  expect([await done(held.user), await done(other.user)].map(({ length }) => length)).toEqual([0, 1]);
  await holder.commit();
  await waiting;
  expect(await done(held.user)).toHaveLength(1);
});

describe("while another process does not let go of users", () => {
  /** Events of a customer each, and a transaction that holds all of their users. */
  async function heldUsers(count: number) {
    const stripe = stripeOf(service);
    const users = Array.from({ length: count }, newUser);
    await Promise.all(users.map((user) => stripe.customers.create({ metadata: { cmh_user_id: user } })));
    const { data } = await stripe.events.list({ type: "customer.created", limit: count });
    for (const event of data) expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    const keys = data.map((event) => `customer:${(event.data.object as { id: string }).id}`);
    const holder = service.app.parts.orm.em.fork();
    await holder.begin();
    await lockFree(holder, users);
    return { users, keys, holder };
  }
  const waiting = async () => {
    const [row] = await execute<{ count: number }>(
      `select count(*)::int as count from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return row?.count;
  };
  const patience = (time: string) =>
    execute(`alter function lock_user_in_time(text, boolean) set lock_timeout = '${time}'`);

  test("their jobs leave connections for everybody else, who need not wait behind them", async () => {
    await patience("60s");
    const { keys, holder } = await heldUsers(24);
    const working = Promise.all(keys.map((key) => service.app.parts.inbox.work(key)));
    await eventually(waiting, (count) => count === 8);
    const { user, keys: others } = await payment();
    await service.app.parts.inbox.work(others[0] as string);
    await service.app.parts.inbox.workAll(others);
    expect(await execute("select 1 from user_access where user_id = ?", [user])).toHaveLength(1);
    expect(await waiting()).toBe(8);
    await holder.commit();
    await working;
    expect(await statuses()).toEqual([]);
    await patience("5s");
  });

  test("their jobs are put off without an attempt, and their callers are told to try again", async () => {
    await patience("50ms");
    const { users, keys, holder } = await heldUsers(2);
    await Promise.all(keys.map((key) => service.app.parts.inbox.work(key)));
    expect(
      await execute("select distinct attempts, status from stripe_events where status <> 'done'"),
    ).toEqual([{ attempts: 0, status: "pending" }]);
    const before = await execute("select 1 from intents");
    const token = await service.token(users[0] as string);
    expect(await openCheckout(service, token)).toMatchObject({
      errors: [{ extensions: { code: "SERVICE_UNAVAILABLE", retryable: true } }],
    });
    expect(await execute("select 1 from intents")).toEqual(before);
    await holder.commit();
    await patience("5s");
    await execute("update stripe_events set next_try_at = now() where status = 'pending'");
    await Promise.all(keys.map((key) => service.app.parts.inbox.work(key)));
    expect(await statuses()).toEqual([]);
    expect((await openCheckout(service, token)).errors).toBeUndefined();
  });
});

test("during an outage all of them wait, and none counts an attempt", async () => {
  const { keys } = await payment();
  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/invoices/*", status: 500, when: "before" }],
  });
  await service.app.parts.inbox.workAll(keys);
  const waiting = await execute<{ attempts: number }>(
    "select distinct attempts from stripe_events where status = 'pending'",
  );
  expect(waiting).toEqual([{ attempts: 0 }]);
});
