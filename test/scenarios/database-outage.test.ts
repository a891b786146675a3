import { setupStripe } from "../../src/stripe/catalogue.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { atPort, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { kill, type SpawnedService, spawnService } from "../support/spawn.ts";
import { stripeOf } from "../support/stripe.ts";

const FOR_MS = 5_000;

let service: TestService;
let gate: Gate;
let spawned: SpawnedService;

beforeAll(async () => {
  // this process only watches: another one, whose database can be taken away, serves and works
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  gate = await openGate(Number(new URL(service.database.url).port));
  spawned = await spawnService({ ...service.env, DATABASE_URL: atPort(service.database.url, gate.port) });
  const { webhookEndpoints } = stripeOf(service);
  for (const { id } of (await webhookEndpoints.list()).data) await webhookEndpoints.del(id);
  await setupStripe(service.config, { webhookUrl: `${spawned.url}/webhooks/stripe` });
});
afterAll(async () => {
  await kill(spawned.child);
  await service.stop();
  await gate.close();
});

const statusOf = async (path: string) => (await fetch(`${spawned.url}/health/${path}`)).status;

/** Statuses with which deliveries of Stripe's events were answered, repeats included. */
async function answers(): Promise<number[]> {
  const response = await fetch(`${service.sandbox.url}/sandbox/deliveries`);
  const { deliveries } = (await response.json()) as {
    deliveries: { attempts: { status: number | null }[] }[];
  };
  return deliveries.flatMap(({ attempts }) => attempts.map(({ status }) => status ?? 0));
}

test("PostgreSQL gone for five seconds: Stripe keeps its events and sends them again, the process lives, all is applied", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const there = service.at(spawned.url);
  const { data } = await openCheckout(there, token);
  await eventually(answers, (all) => all.length > 0 && all.every((status) => status === 200));
  const before = (await answers()).length;

  gate.shut();
  const goneUntil = Date.now() + FOR_MS;
  await eventually(
    () => statusOf("readiness"),
    (status) => status === 503,
  );
  await service.pay(data.createCheckoutSession.id);
  while (Date.now() < goneUntil) {
    expect([await statusOf("liveness"), await statusOf("readiness")]).toEqual([200, 503]);
    const { errors } = await there.ask(STATUS, {}, token);
    expect(errors?.[0]?.extensions).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryable: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const meanwhile = (await answers()).slice(before);
  expect(meanwhile.length).toBeGreaterThan(5);
  expect(new Set(meanwhile)).toEqual(new Set([503]));

  gate.open();
  await eventually(
    () => statusOf("readiness"),
    (status) => status === 200,
  );
  // nobody asks for it: Stripe's second deliveries alone bring it
  const shown = await eventually(
    () => there.ask(STATUS, {}, token),
    (answer) => answer.data?.subscriptionStatus?.grantsAccess,
    60_000,
  );
  expect(shown.data.subscriptionStatus.status).toBe("ACTIVE");
  const rows = (sql: string, params: unknown[] = []) =>
    service.app.parts.orm.em.fork().execute<Record<string, unknown>[]>(sql, params);
  await eventually(
    () =>
      rows(
        "select id from stripe_events where status = 'pending' union all select id::text from outbox where sent_at is null",
      ),
    (left) => left.length === 0,
    60_000,
  );
  expect(
    await rows(
      "select type from outbox where user_id = ? and type in ('payment.succeeded', 'subscription.created') order by 1",
      [userId],
    ),
  ).toEqual([{ type: "payment.succeeded" }, { type: "subscription.created" }]);
  expect([spawned.child.exitCode, spawned.child.signalCode]).toEqual([null, null]);
}, 180_000);
