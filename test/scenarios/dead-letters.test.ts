import { subscribe } from "../support/checkout.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
let admin: string;
beforeAll(async () => {
  // nothing works by itself: the tests do
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  admin = await service.token("the-admin", "admin");
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const LIST = `query ($status: WebhookEventStatus, $type: String, $first: Int! = 20, $after: String) {
  webhookEvents(status: $status, type: $type, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
    nodes { id type objectId status source attempts lastError receivedAt nextTryAt } } }`;
const REPLAY = `mutation ($id: ID!, $key: String) { replayWebhookEvent(id: $id, idempotencyKey: $key) { id status attempts } }`;
const list = async (variables: object = {}) => (await service.ask(LIST, variables, admin)).data.webhookEvents;
const replay = (id: string, key?: string, token = admin) => service.ask(REPLAY, { id, key }, token);
const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const work = (key: string) => service.app.parts.inbox.work(key);

async function receive(type: string, object: object): Promise<string> {
  const event = eventOf(type, object);
  expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  return event.id;
}

/** An event about a customer whose eighth attempt has failed. */
async function deadLetter(customer: string): Promise<string> {
  const id = await receive("customer.updated", { id: customer });
  await execute("update stripe_events set attempts = 7 where id = ?", [id]);
  await setFaults(service, {
    calls: [{ method: "GET", path: `/v1/customers/${customer}`, status: 400, when: "before" }],
  });
  await work(`customer:${customer}`);
  await setFaults(service, { reset: true });
  return id;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\S+)$`, "m"))?.[1]);
}

test("a dead letter is seen by an admin, with why it failed and without its payload, and in the metrics", async () => {
  const before = await metric("inbox_dead_letters");
  const id = await deadLetter("cus_seen");
  const { nodes } = await list({ status: "FAILED" });
  expect(nodes[0]).toEqual({
    ...{ id, type: "customer.updated", objectId: "cus_seen", status: "FAILED", source: "WEBHOOK" },
    ...{ attempts: 8, nextTryAt: null, lastError: expect.any(String), receivedAt: expect.any(String) },
  });
  expect(await metric("inbox_dead_letters")).toBe(before + 1);
  expect(await metric('inbox_recent_events{status="failed"}')).toBe(before + 1);
});

test("pages reach every event once, newest first, however many arrive in one millisecond", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await receive("plan.created", { id: `plan_${n}` }));
  await execute("update stripe_events set received_at = now() where type = 'plan.created'");
  await execute(
    `update stripe_events set received_at = date_trunc('second', now()) + interval '1 microsecond'
     where id in (?, ?)`,
    ids.slice(0, 2),
  );
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const { nodes, pageInfo, totalCount } = await list({ type: "plan.created", first: 2, after });
    expect([totalCount, pageInfo.hasPreviousPage]).toEqual([5, after !== null]);
    seen.push(...nodes.map((node: { id: string }) => node.id));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after);
  expect([...seen].sort()).toEqual([...ids].sort());
  expect(new Set(seen.slice(3))).toEqual(new Set(ids.slice(0, 2)));
});

test.each([
  [{ first: 0 }, "first"],
  [{ first: 101 }, "first"],
  [{ after: "bm90IG91cnM" }, "after"],
  [{ after: Buffer.from("2026-01-01 00:00:00+00' or true|x").toString("base64url") }, "after"],
])("%j is no page of it", async (variables, field) => {
  const { errors } = await service.ask(LIST, variables, admin);
  expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field });
});

test("the age of the oldest event that is not done is told", async () => {
  const id = await receive("customer.updated", { id: "cus_old" });
  await execute("update stripe_events set received_at = now() - interval '90 minutes' where id = ?", [id]);
  expect(await metric("inbox_oldest_pending_seconds")).toBeGreaterThanOrEqual(90 * 60);
  const before = await metric("inbox_pending_events");
  await work("customer:cus_old");
  expect(await metric("inbox_pending_events")).toBe(before - 1);
});

test("a replayed dead letter is worked on again, and who asked for it stands in the audit log", async () => {
  const id = await deadLetter("cus_again");
  expect((await replay(id)).data.replayWebhookEvent).toEqual({ id, status: "PENDING", attempts: 0 });
  const jobs = await execute("select 1 from graphile_worker.jobs where key = 'inbox:customer:cus_again'");
  expect(jobs).toHaveLength(1);
  const [entry] = await execute("select actor, action, before, after from audit_log where row_id = ?", [id]);
  expect(entry).toMatchObject({
    ...{ actor: "admin:the-admin", action: "replayed" },
    ...{ before: { status: "failed", attempts: 8 }, after: { status: "pending" } },
  });
  await work("customer:cus_again");
  expect(
    (await list({ type: "customer.updated" })).nodes.find((node: { id: string }) => node.id === id),
  ).toMatchObject({ status: "IGNORED", lastError: null });
});

test("a done event that is replayed makes a new read, although an old one had seen it", async () => {
  const user = newUser();
  await subscribe(service, await service.token(user));
  const customer = await customerOf(service, user);
  const id = await receive("customer.updated", { id: customer });
  await work(`customer:${customer}`);
  await stripeOf(service).customers.update(customer, { email: "changed@example.com" });
  await replay(id);
  await work(`customer:${customer}`);
  const [row] = await execute<{ email: string }>("select email from customers where user_id = ?", [user]);
  expect(row?.email).toBe("changed@example.com");
});

test("the same key replays once; a pending event stays as it is", async () => {
  const id = await deadLetter("cus_twice");
  await replay(id, "key-1");
  await work("customer:cus_twice");
  const again = await replay(id, "key-1");
  expect(again.data.replayWebhookEvent.status).toBe("IGNORED");
  await replay(id);
  await replay(id);
  const entries = await execute("select 1 from audit_log where row_id = ?", [id]);
  expect(entries).toHaveLength(2);
});

test("an event that is of no use stays ignored, and one that was never received is not found", async () => {
  const id = await receive("plan.created", { id: "plan_1" });
  expect((await replay(id)).errors?.[0]?.extensions.code).toBe("CONFLICT");
  expect((await replay("evt_nowhere")).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
});

test("an event that was of no use once, and is now, is worked on", async () => {
  const id = await receive("customer.updated", { id: "cus_later" });
  await execute(
    "update stripe_events set status = 'ignored', aggregate = null, object_id = null where id = ?",
    [id],
  );
  await replay(id);
  const { nodes } = await list({ status: "PENDING" });
  expect(nodes[0]).toMatchObject({ id, objectId: "cus_later", nextTryAt: expect.any(String) });
});

test("metrics are shown without these figures while the database is away", async () => {
  const { metrics } = service.app.parts;
  const read = () => Promise.reject(new Error("away"));
  metrics.watch({ name: "never_read", help: "x" }, read);
  metrics.watch({ name: "never_read_by_kind", help: "x", labelNames: ["kind"] }, read);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  expect(text).toContain("inbox_dead_letters");
  expect(text).not.toMatch(/^never_read/m);
});
