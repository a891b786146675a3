import { openCheckout, STATUS } from "../support/checkout.ts";
import {
  collect,
  eventually,
  newUser,
  startReplica,
  startService,
  type TestService,
} from "../support/service.ts";

type Replica = Awaited<ReturnType<typeof startReplica>>;
let service: TestService;
let replica: Replica;

beforeAll(async () => {
  service = await startService();
  replica = await startReplica(service, { WORKER: "off" });
});
afterAll(async () => {
  await replica.app.stop();
  await service.stop();
});

const openSubscriptions = async ({ app }: Pick<TestService, "app">) =>
  (await app.parts.metrics.liveSubscriptions.get()).values[0]?.value ?? 0;

test("a payment that one replica handles is shown live by another, each change once", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const status = collect(
    replica.live(token),
    "subscription { subscriptionStatusChanged { id status grantsAccess } }",
  );
  const events = collect(replica.live(token), "subscription { paymentEvents { id type } }");
  await eventually(
    () => openSubscriptions(replica),
    (count) => count === 2,
  );
  await eventually(
    () => status.results.length,
    (count) => count === 1,
  );
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  const shown = await eventually(
    () => status.results.at(-1)?.data.subscriptionStatusChanged,
    (state) => state?.grantsAccess,
  );
  expect(shown.status).toBe("ACTIVE");
  const types = () => events.results.map((result) => result.data.paymentEvents.type as string);
  await eventually(types, (all) => all.includes("PAYMENT_SUCCEEDED") && all.includes("SUBSCRIPTION_CREATED"));
  const ids = events.results.map((result) => result.data.paymentEvents.id);
  expect(new Set(ids).size).toBe(ids.length);

  expect(await openSubscriptions(service)).toBe(0);
  expect((await replica.app.parts.metrics.webhooks.get()).values).toEqual([]);
  expect((await replica.app.parts.metrics.published.get()).values).toEqual([]);
  const there = await replica.ask(STATUS, {}, token);
  expect(there.data.subscriptionStatus.id).toBe(shown.id);
  status.stop();
  events.stop();
});

test("two replicas that work at once apply each event once, and send each fact once", async () => {
  const worker = await startReplica(service, { WORKER: "only" });
  try {
    const learners = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const userId = newUser();
        const token = await service.token(userId);
        const { data } = await openCheckout(service, token);
        return { userId, token, sessionId: data.createCheckoutSession.id as string };
      }),
    );
    await Promise.all(learners.map(({ sessionId }) => service.pay(sessionId)));
    for (const { token } of learners)
      await eventually(
        () => replica.ask(STATUS, {}, token),
        (answer) => answer.data.subscriptionStatus?.grantsAccess,
      );
    const em = service.app.parts.orm.em.fork();
    const once = ["payment.succeeded", "subscription.created"];
    const told = () =>
      em.execute<{ n: string }[]>(
        `select count(*) as n from outbox where sent_at is not null and type in (?, ?) group by user_id, type`,
        once,
      );
    const users = learners.length + 1; // the test before this one had one
    await eventually(told, (rows) => rows.length === users * once.length);
    expect((await told()).map(({ n }) => n)).toEqual(Array(users * once.length).fill("1"));
    const published = async ({ app }: Pick<TestService, "app">) =>
      (await app.parts.metrics.published.get()).values
        .filter(({ labels }) => once.includes(String(labels.type)))
        .reduce((sum, { value }) => sum + value, 0);
    const counts = [await published(service), await published(worker)];
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(users * once.length);
  } finally {
    await worker.app.stop();
  }
}, 60_000);
