import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { ask, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { kill, spawnService } from "../support/spawn.ts";

const WITHIN_A_MINUTE = 60_000;
const children: ChildProcess[] = [];
let service: TestService;

beforeAll(async () => {
  // this process only receives: no worker of its own
  service = await startService({ env: { WORKER: "off" } });
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  await faults({ reset: true });
});
afterAll(() => service.stop());

/** Another process of the same service, killed when the test is over. */
async function another() {
  const spawned = await spawnService(service.env);
  children.push(spawned.child);
  return spawned;
}

const faults = (body: object) =>
  fetch(`${service.sandbox.url}/sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const pendingEvents = async () => {
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<{ n: string }[]>("select count(*) as n from stripe_events where status = 'pending'");
  return Number(row?.n);
};

test("events that were acknowledged before a crash are worked on by the process that comes after", async () => {
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(pendingEvents, (count) => count > 5);
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();

  const { url } = await another();
  await eventually(
    () => ask(url, STATUS, {}, token),
    (answer) => answer.data?.subscriptionStatus?.grantsAccess,
    WITHIN_A_MINUTE,
  );
});

test("kill -9 between the webhook's answer and the end of its job loses nothing and repeats nothing", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  // every read of Stripe hangs, so jobs begin and cannot end
  await faults({
    calls: [{ method: "GET", path: "/v1/*", times: 1_000, status: "timeout", when: "before" }],
  });
  const first = await another();
  await service.pay(data.createCheckoutSession.id);
  await eventually(pendingEvents, (count) => count > 5);
  await eventually(leased, (count) => count > 0);
  await kill(first.child);
  await faults({ reset: true });
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();

  const second = await another();
  await eventually(
    () => ask(second.url, STATUS, {}, token),
    (answer) => answer.data?.subscriptionStatus?.grantsAccess,
    WITHIN_A_MINUTE,
  );
  await eventually(pendingEvents, (count) => count === 0, WITHIN_A_MINUTE);
  const events = await service.app.parts.orm.em
    .fork()
    .execute<{ type: string }[]>(
      "select type from outbox where user_id = ? and type in ('subscription.created', 'payment.succeeded')",
      [userId],
    );
  expect(events.map(({ type }) => type).sort()).toEqual(["payment.succeeded", "subscription.created"]);
}, 120_000);

test("a graceful stop ends a live subscription with a code that makes clients connect again", async () => {
  const { child, url } = await another();
  const token = await service.token(newUser());
  const { createClient } = await import("graphql-ws");
  const { WebSocket } = await import("ws");
  const client = createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
  });
  const closed = new Promise<{ code: number }>((resolve) =>
    client.on("closed", (event) => resolve(event as { code: number })),
  );
  let received = 0;
  client.subscribe(
    { query: "subscription { subscriptionStatusChanged { id } }" },
    { next: () => void received++, error: () => {}, complete: () => {} },
  );
  await eventually(
    () => received,
    (count) => count === 1,
  );
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  expect((await closed).code).toBe(1012);
  expect(await ended).toEqual([0, null]);
  await client.dispose();
});

async function leased(): Promise<number> {
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<{ n: string }[]>("select count(*) as n from stripe_events where lease_until > now()");
  return Number(row?.n);
}
