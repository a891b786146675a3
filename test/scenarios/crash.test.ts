import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../dev/embedded/ports.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { ask, eventually, newUser, startService, type TestService } from "../support/service.ts";

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

/** Another process of the same service, as production runs it. */
async function spawnService(env: NodeJS.ProcessEnv = {}): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, ["dist/src/main.js"], {
    env: { PATH: process.env.PATH, ...service.env, PORT: String(port), WORKER: "on", ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () =>
      fetch(`${url}/health/readiness`).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 200,
  );
  return { child, url };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
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

  const { url } = await spawnService();
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
  const first = await spawnService();
  await service.pay(data.createCheckoutSession.id);
  await eventually(pendingEvents, (count) => count > 5);
  await eventually(leased, (count) => count > 0);
  await kill(first.child);
  await faults({ reset: true });
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();

  const second = await spawnService();
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
  const { child, url } = await spawnService();
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
