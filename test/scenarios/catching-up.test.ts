import { openCheckout, STATUS, subscribe } from "../support/checkout.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { wakeWhatIsOverdue } from "../support/sweep.ts";

let service: TestService;
beforeEach(async () => {
  // no webhook arrives, and nothing works by itself but what a test starts
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  await service.app.parts.catchUp.begin();
});
afterEach(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const count = async (from: string) =>
  Number((await execute<{ n: string }>(`select count(*) as n from ${from}`))[0]?.n);
const advance = (by: { days?: number; seconds?: number }) =>
  fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(by),
  });
/** What looks for events; the nightly comparison has cursors too, and takes its time. */
const LOOKS = "name in ('events', 'objects')";
/** As if a minute had passed since the last look. */
const passAMinute = () => execute(`update cursors set next_run_at = now() where ${LOOKS}`);
/** Moves the sandbox's time, which the service then follows. */
async function later(by: { days?: number; seconds?: number }): Promise<void> {
  const { clock } = service.app.parts;
  const before = clock.now().getTime();
  await advance(by);
  const moved = ((by.days ?? 0) * 86_400 + (by.seconds ?? 0)) * 1_000;
  await eventually(
    () => clock.now().getTime() - before,
    (passed) => passed >= moved,
  );
}
/** Another process, with a worker, until everything that is due is done. */
async function untilAllIsDone(): Promise<void> {
  await passAMinute();
  const replica = await startReplica(service, { WORKER: "only" });
  try {
    await eventually(
      async () => {
        await wakeWhatIsOverdue(service);
        return [
          await count("stripe_events where status = 'pending'"),
          await count(`cursors where ${LOOKS} and (next_run_at <= now() or lease_until > now())`),
        ];
      },
      ([pending, due]) => pending === 0 && due === 0,
      60_000,
      100,
    );
  } finally {
    await replica.app.stop();
  }
}
/** What Stripe and we say about a user's subscription, invoices and payments. */
async function bothSides(userId: string) {
  const stripe = stripeOf(service);
  const customer = await customerOf(service, userId);
  const [subscriptions, invoices, payments] = await Promise.all([
    stripe.subscriptions.list({ customer, status: "all" }),
    stripe.invoices.list({ customer }),
    stripe.paymentIntents.list({ customer }),
  ]);
  const theirs = [
    ...subscriptions.data.map(({ id, status }) => `${id} ${status}`),
    ...invoices.data.map(({ id, status, amount_paid }) => `${id} ${status} ${amount_paid}`),
    ...payments.data.map(({ id, status, amount }) => `${id} ${status} ${amount}`),
  ];
  const ours = await execute<{ said: string }>(
    `select stripe_subscription_id || ' ' || lower(status) as said from subscriptions where user_id = ?
     union all select stripe_invoice_id || ' ' || lower(status) || ' ' || amount_paid_minor from invoices where user_id = ?
     union all select stripe_payment_intent_id || ' ' || lower(status) || ' ' || amount_minor from payments where user_id = ?`,
    [userId, userId, userId],
  );
  return { theirs: theirs.sort(), ours: ours.map(({ said }) => said).sort() };
}

test("what webhooks never told is found: the mirror says what Stripe says, and the learner may learn", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await later({ seconds: 120 });
  expect(await count("stripe_events")).toBe(0);
  await untilAllIsDone();
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus.grantsAccess).toBe(true);
  const { theirs, ours } = await bothSides(userId);
  expect(ours).toEqual(theirs);
  expect(await count("stripe_events where source <> 'catch-up'")).toBe(0);
  expect(await count("stripe_events where status = 'ignored'")).toBe(0);
});

test("webhooks that are dropped for good make no difference", async () => {
  await stripeOf(service).webhookEndpoints.create({
    url: `${service.url}/webhooks/stripe`,
    enabled_events: ["*"],
  });
  await setFaults(service, { webhooks: { drop: 1 } });
  const userId = newUser();
  const { id } = await subscribe(service, await service.token(userId));
  const [row] = await execute<{ stripe_subscription_id: string }>(
    "select stripe_subscription_id from subscriptions where id = ?",
    [id],
  );
  await stripeOf(service).subscriptions.cancel(String(row?.stripe_subscription_id));
  await later({ seconds: 120 });
  await untilAllIsDone();
  const { theirs, ours } = await bothSides(userId);
  expect(ours).toEqual(theirs);
  expect(ours).toContain(`${row?.stripe_subscription_id} canceled`);
});

test("a service that was down for days goes on from where it had come, also across restarts", async () => {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  await later({ seconds: 120 });
  await untilAllIsDone();
  const customer = await customerOf(service, userId);
  await later({ days: 10 });
  await stripeOf(service).customers.update(customer, { email: "moved@example.com" });
  await later({ days: 5 });
  const seen = await count("stripe_events");
  await untilAllIsDone();
  const [row] = await execute<{ email: string }>("select email from customers where user_id = ?", [userId]);
  expect(row?.email).toBe("moved@example.com");
  const [event] = await execute<{ n: number }>(
    "select count(*)::int as n from stripe_events where type = 'customer.updated' and payload->'data'->'previous_attributes' ? 'email' and object_id = '" +
      `${customer}'`,
  );
  expect(event?.n).toBe(1);
  expect(await count("stripe_events")).toBeGreaterThan(seen);
});

test("a service that was down for longer than Stripe lists events looks at the objects themselves", async () => {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  await later({ seconds: 120 });
  await untilAllIsDone();
  await stripeOf(service).customers.update(await customerOf(service, userId), { email: "old@example.com" });
  await later({ days: 75 });
  const before = await bothSides(userId);
  expect(before.ours).not.toEqual(before.theirs);
  await untilAllIsDone();
  // a second time: the sweep was asked for, and is let to the workers after a while
  await untilAllIsDone();
  const { theirs, ours } = await bothSides(userId);
  expect(ours).toEqual(theirs);
  const [row] = await execute<{ email: string }>("select email from customers where user_id = ?", [userId]);
  expect(row?.email).toBe("old@example.com");
}, 120_000);

test("looking at the same events again has no second effect", async () => {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  await later({ seconds: 120 });
  await untilAllIsDone();
  const all = async () => [
    await count("stripe_events"),
    await count("outbox"),
    await count("audit_log"),
    await count("payments"),
  ];
  const before = await all();
  await execute(
    `update cursors set state = jsonb_set(state, '{reached}', state -> 'begun') where state -> 'begun' is not null`,
  );
  await untilAllIsDone();
  expect(await service.app.parts.catchUp.since(new Date(0))).toMatchObject({ received: 0 });
  expect(await all()).toEqual(before);
});

test("of two replicas one looks, and what a dead one had is taken over", async () => {
  await later({ seconds: 120 });
  await passAMinute();
  const { catchUp, cursors } = service.app.parts;
  const outcomes = await Promise.all([catchUp.run(), catchUp.run(), catchUp.run()]);
  expect(outcomes.sort()).toEqual([false, false, true]);
  expect(await catchUp.run()).toBe(false);

  const lease = await cursors.lease<object>("events", true);
  await passAMinute();
  expect(await catchUp.run()).toBe(false);
  await execute("update cursors set lease_until = now() - interval '1 second'");
  expect(await catchUp.run()).toBe(true);
  await expect(lease?.save({})).rejects.toThrow("lost");
});

test("at its first start the service takes nothing from before", async () => {
  await stripeOf(service).customers.create({ email: "before@example.com" });
  await execute("delete from cursors");
  await later({ seconds: 300 });
  const replica = await startReplica(service, { WORKER: "only" });
  await eventually(
    () => count("cursors where name = 'events'"),
    (n) => n === 1,
  );
  await replica.app.stop();
  await later({ seconds: 120 });
  await untilAllIsDone();
  expect(await count("stripe_events")).toBe(0);
});

test("an outage of Stripe in the middle loses nothing", async () => {
  const userId = newUser();
  const { data } = await openCheckout(service, await service.token(userId));
  await service.pay(data.createCheckoutSession.id);
  await later({ seconds: 120 });
  await passAMinute();
  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/events", status: 500, when: "before" }],
  });
  await expect(service.app.parts.catchUp.run()).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await setFaults(service, { reset: true });
  await untilAllIsDone();
  const { theirs, ours } = await bothSides(userId);
  expect(ours).toEqual(theirs);
});
