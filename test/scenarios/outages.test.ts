import { openCheckout, STATUS } from "../support/checkout.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
let gate: Gate;

beforeAll(async () => {
  gate = await openGate(Number(new URL(process.env.TEST_DATABASE_ADMIN_URL as string).port));
  service = await startService({ throughGate: gate.port });
});
afterAll(async () => {
  gate.open();
  await service.stop();
  await gate.close();
});

const readiness = async () => {
  const response = await fetch(`${service.url}/health/readiness`);
  return { status: response.status, body: (await response.json()) as { status: string } };
};

test("without PostgreSQL webhooks are refused so that Stripe retries, and the process recovers", async () => {
  const event = eventOf("made.up", { id: "x" });
  gate.shut();
  expect((await deliver(service, JSON.stringify(event))).status).toBe(503);
  await eventually(readiness, ({ status }) => status === 503);
  expect((await fetch(`${service.url}/health/liveness`)).status).toBe(200);
  const { errors } = await service.ask(STATUS, {}, await service.token(newUser()));
  expect(errors?.[0]?.extensions).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryable: true });

  gate.open();
  await eventually(readiness, ({ status }) => status === 200);
  expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data?.subscriptionStatus?.grantsAccess,
    60_000,
  );
}, 90_000);

test("without Redis payments go on, live clients get the state when it is back, and no event is lost", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const live = collect(
    service.live(token),
    "subscription { subscriptionStatusChanged { status grantsAccess } }",
  );
  await eventually(
    () => live.results.length,
    (count) => count === 1,
  );
  await service.redis.kill();
  await eventually(readiness, ({ status, body }) => status === 200 && body.status === "degraded");

  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  expect(live.results).toHaveLength(1);

  await service.redis.restart();
  await eventually(
    () => live.results.at(-1)?.data.subscriptionStatusChanged,
    (state) => state?.status === "ACTIVE" && state.grantsAccess,
  );
  const unsent = () =>
    service.app.parts.orm.em
      .fork()
      .execute("select 1 from outbox where user_id = ? and sent_at is null", [userId]);
  await eventually(unsent, (rows) => rows.length === 0);
  await eventually(readiness, ({ body }) => body.status === "ok");
}, 60_000);
