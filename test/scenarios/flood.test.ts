import { Client } from "pg";
import type Stripe from "stripe";
import { mirrorFaults } from "../chaos/mirror.ts";
import { readStripe } from "../chaos/stripe-state.ts";
import type { World } from "../chaos/world.ts";
import { flood } from "../support/flood.ts";
import { type Recorded, recordPayments } from "../support/recorded-payments.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

const EVENTS = 2_000;
const CONCURRENCY = 16;

let service: TestService;
let recorded: Recorded;
beforeAll(async () => {
  service = await startService({ webhooks: false });
  recorded = await recordPayments(service, EVENTS);
}, 120_000);
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const deliverAll = (events: readonly object[]) =>
  flood(`${service.url}/webhooks/stripe`, events, { concurrency: CONCURRENCY });
const untilAllDone = () =>
  eventually(
    () => execute<{ id: string }>("select id from stripe_events where status = 'pending' limit 3"),
    (pending) => pending.length === 0,
    180_000,
    200,
  );

/** On a connection of its own to the service's database. */
async function elsewhere<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: service.database.url });
  await client.connect();
  return use(client).finally(() => client.end());
}

/** Lets nobody begin with the work on events, which looks at what has been read, until `arrive` has ended. */
const beforeAnyWork = (arrive: () => Promise<unknown>) =>
  elsewhere(async (client) => {
    await client.query("begin");
    await client.query("lock table sync_tickets in access exclusive mode");
    await arrive();
    await client.query("commit");
  });

/** What the comparison of random histories looks at. */
function worldOf({ users }: Recorded): World {
  const learners = users.map((id) => ({ id, token: "", deleted: [], keys: new Map() }));
  const rows: World["rows"] = (sql, params) =>
    elsewhere(async (client) => (await client.query(sql, params)).rows);
  return { stripe: stripeOf(service), learners, rows, foreign: [] } as unknown as World;
}

/** How often the service has read each object of Stripe's since it was last asked. */
async function reads(): Promise<Map<string, number>> {
  const answer = await fetch(`${service.sandbox.url}/sandbox/requests`);
  const { requests } = (await answer.json()) as {
    requests: { method: string; path: string; userAgent: string }[];
  };
  const counts = new Map<string, number>();
  for (const { method, path, userAgent } of requests)
    if (method === "GET" && userAgent.includes("cloudmastershub-payment-service"))
      counts.set(path, (counts.get(path) ?? 0) + 1);
  return counts;
}

test("2,000 signed events, sixteen at a time, are all acknowledged and all applied", async () => {
  expect(recorded.events.length).toBeGreaterThanOrEqual(EVENTS);
  const latencies = await deliverAll(recorded.events); // fails at the first that is not answered 200
  expect(latencies).toHaveLength(recorded.events.length);
  await untilAllDone();
  expect(
    await execute("select status, count(*)::int as n from stripe_events group by status order by status"),
  ).toEqual([{ status: "done", n: recorded.events.length }]);
  const world = worldOf(recorded);
  expect(await mirrorFaults(world, await readStripe(world))).toEqual([]);
  const grants = await execute<{ n: number }>(
    "select count(distinct user_id)::int as n from user_access where revoked_at is null and scope = 'PLATFORM'",
  );
  expect(grants).toEqual([{ n: recorded.users.length }]);
}, 240_000);

test("each fact of a flood is told once", async () => {
  const facts = await execute<{ type: string; n: number }>(
    "select type, count(*)::int as n from outbox where type <> 'access.changed' group by type order by type",
  );
  const n = recorded.users.length;
  expect(facts.filter(({ type }) => type !== "subscription.updated")).toEqual([
    { type: "payment.succeeded", n },
    { type: "subscription.created", n },
  ]);
});

test("however often an object is told of in a burst, it is read a constant number of times", async () => {
  const paid = recorded.events.findLast(({ type }) => type === "invoice.paid");
  const { customer } = (paid as Stripe.Event).data.object as Stripe.Invoice;
  const payment = recorded.events.filter((event) => JSON.stringify(event).includes(`"${customer}"`));
  expect(payment.length).toBeGreaterThan(5);
  const before = await reads();
  const copies = Array.from({ length: 10 }, (_, copy) =>
    payment.map((event) => ({ ...event, id: `${event.id}_again_${copy}` })),
  );
  await beforeAnyWork(() => deliverAll(copies.flat()));
  await untilAllDone();
  const more = [...(await reads())].map(([path, count]): [string, number] => [
    path,
    count - (before.get(path) ?? 0),
  ]);
  const objects = more.filter(([path, count]) => count > 0 && /\/(cus|sub|in|pi|cs)_/.test(path));
  expect(objects.length).toBeGreaterThan(0);
  // two statements at once lease what is due: two that began to wait with what had come by then, two with the rest
  expect(objects.filter(([, count]) => count > 4)).toEqual([]);
}, 60_000);

test("of two changes within one second the second is kept", async () => {
  const [first, second] = await recorded.twoWithinASecond();
  await deliverAll([second.event, first.event]);
  await untilAllDone();
  expect(
    await execute("select email from customers where stripe_customer_id = ?", [second.customer]),
  ).toEqual([{ email: second.email }]);
});
