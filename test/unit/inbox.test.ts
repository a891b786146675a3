import { openCheckout, STATUS } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { setFaults } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  // nothing works by itself: the tests do, and let time pass by moving rows
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterEach(() => faults({ reset: true }));
afterAll(() => service.stop());

const faults = (body: object) => setFaults(service, body);
/** Every read of this customer at Stripe ends like this. */
const customerAnswers = (id: string, status: number) =>
  faults({ calls: [{ method: "GET", path: `/v1/customers/${id}`, status, when: "before" }] });

interface Row {
  status: string;
  attempts: number;
  last_error: string | null;
  /** Seconds until the next try. */
  pause: number;
}
const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
async function rowOf(id: string): Promise<Row> {
  const [row] = await execute<Row>(
    `select status, attempts, last_error, extract(epoch from next_try_at - now())::float as pause
     from stripe_events where id = ?`,
    [id],
  );
  return row as Row;
}
async function receive(event: { id: string }): Promise<string> {
  expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  return event.id;
}
const work = (key: string) => service.app.parts.inbox.work(key);
/** As if the pause before an event's next try had passed. */
const passPause = (id: string) =>
  execute(
    `update stripe_events set lease_until = lease_until - (next_try_at - now()), next_try_at = now()
     where id = ? and next_try_at > now()`,
    [id],
  );
const counted = async (outcome: string) =>
  (await service.app.parts.metrics.events.get()).values.find(({ labels }) => labels.outcome === outcome)
    ?.value ?? 0;

test("an event waits for as long as an outage of the provider lasts, ever more patiently, and is never given up", async () => {
  await customerAnswers("cus_outage", 500);
  const id = await receive(eventOf("customer.updated", { id: "cus_outage" }));
  const pauses: number[] = [];
  for (let tries = 1; tries <= 13; tries++) {
    await work("customer:cus_outage");
    const { status, pause, last_error } = await rowOf(id);
    expect([status, last_error]).toEqual(["pending", expect.stringContaining("payment provider")]);
    pauses.push(Math.ceil(pause));
    await passPause(id);
  }
  expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8]);
  expect(pauses.slice(-2)).toEqual([900, 900]);

  // it has all its attempts left
  await faults({ reset: true });
  await customerAnswers("cus_outage", 400);
  await work("customer:cus_outage");
  expect(await rowOf(id)).toMatchObject({ status: "pending", attempts: 1 });
  await faults({ reset: true });
  await passPause(id);
  await work("customer:cus_outage");
  expect(await rowOf(id)).toMatchObject({ status: "ignored", last_error: null });
}, 60_000);

test("an event that can never be worked on ends as a dead letter, which is counted and holds up nobody", async () => {
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  const sessionId: string = data.createCheckoutSession.id;
  await service.pay(sessionId);
  await customerAnswers("cus_poisoned", 400);
  const poisoned = await receive(eventOf("customer.updated", { id: "cus_poisoned" }));
  const failedBefore = await counted("failed");
  for (let tries = 1; tries <= 8; tries++) {
    expect(await rowOf(poisoned)).toMatchObject({ status: "pending", attempts: tries - 1 });
    await work("customer:cus_poisoned");
    await passPause(poisoned);
  }
  expect(await rowOf(poisoned)).toMatchObject({
    status: "failed",
    attempts: 8,
    last_error: expect.any(String),
  });
  expect((await counted("failed")) - failedBefore).toBe(1);
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toMatch(/^inbox_events_total\{outcome="failed"\} [1-9]/m);

  await work("customer:cus_poisoned");
  expect(await rowOf(poisoned)).toMatchObject({ status: "failed", attempts: 8 });
  const paid = await receive(eventOf("checkout.session.completed", { id: sessionId }));
  await work(`checkout_session:${sessionId}`);
  expect(await rowOf(paid)).toMatchObject({ status: "done" });
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus.grantsAccess).toBe(true);
});

test("a fresh event does not wait as long as an old one about the same object, nor the old one as long as it did", async () => {
  await customerAnswers("cus_both", 400);
  const old = await receive(eventOf("customer.updated", { id: "cus_both" }));
  for (let tries = 1; tries <= 5; tries++) {
    await work("customer:cus_both");
    await passPause(old);
  }
  const fresh = await receive(eventOf("customer.updated", { id: "cus_both" }));
  await work("customer:cus_both");
  const [first, second] = [await rowOf(old), await rowOf(fresh)];
  expect([first.attempts, Math.ceil(first.pause)]).toEqual([6, 300]);
  expect([second.attempts, Math.ceil(second.pause)]).toEqual([1, 1]);
  const [job] = await execute<{ wait: number }>(
    `select extract(epoch from run_at - now())::float as wait from graphile_worker.jobs
     where key = 'inbox:customer:cus_both:later'`,
  );
  expect(Math.ceil(job?.wait as number)).toBe(1);
});

test("work that was cut short by an outage is not taken for done because its first part was", async () => {
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  const sessionId: string = data.createCheckoutSession.id;
  await service.pay(sessionId);
  // the session can be read, the subscription that it leads to cannot
  await faults({ calls: [{ method: "GET", path: "/v1/subscriptions/*", status: 500, when: "before" }] });
  const id = await receive(eventOf("checkout.session.completed", { id: sessionId }));
  await work(`checkout_session:${sessionId}`);
  expect(await rowOf(id)).toMatchObject({ status: "pending" });
  await faults({ reset: true });
  await passPause(id);
  await work(`checkout_session:${sessionId}`);
  expect(await rowOf(id)).toMatchObject({ status: "done" });
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
});
