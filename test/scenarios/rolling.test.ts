import { once } from "node:events";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { setupStripe } from "../../src/stripe/catalogue.ts";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { newBuyer, newCourse, putOnSale, sessionAt } from "../support/buyer.ts";
import { STATUS } from "../support/checkout.ts";
import { type Collector, startCollector } from "../support/collector.ts";
import { startLoad } from "../support/load.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { kill, type SpawnedService, spawnService } from "../support/spawn.ts";

type Role = "off" | "only";
let service: TestService;
let balancer: Balancer;
let collector: Collector;
const web: SpawnedService[] = [];
const workers: SpawnedService[] = [];
const leaving: SpawnedService[] = [];

const another = (worker: Role, env: NodeJS.ProcessEnv = {}) =>
  spawnService({ ...service.env, ...env, DRAIN_SECONDS: "3", LOG_LEVEL: "warn" }, { worker });

beforeAll(async () => {
  // what runs here takes no part: it has the connections by which tests look at rows
  [service, balancer, collector] = await Promise.all([
    startService({ webhooks: false, env: { WORKER: "off" } }),
    startBalancer(),
    startCollector(),
  ]);
  await setupStripe(service.config, { webhookUrl: `${balancer.url}/webhooks/stripe` });
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "100" };
  const started = await Promise.all(
    (["off", "off", "only", "only"] as const).map((role) => another(role, traced)),
  );
  web.push(...started.slice(0, 2));
  workers.push(...started.slice(2));
  await balancer.use(web.map(({ url }) => url));
}, 120_000);
/** What has to end for the process to end, whether the test came so far or not. */
const running: (() => unknown)[] = [];
afterAll(async () => {
  await Promise.all(running.map((end) => end()));
  await Promise.all([...web, ...workers, ...leaving].map(({ child }) => kill(child)));
  await Promise.all([balancer.close(), collector.close()]);
  await service.stop();
});

/** The sum of a counter's series at a process. */
async function count({ url }: SpawnedService, name: string): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
  const series = lines.filter((line) => new RegExp(`^${name}[ {]`).test(line));
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

test("a course is bought at one replica, its webhooks reach the other, workers open it, and a refund closes it", async () => {
  const [a, b] = web as [SpawnedService, SpawnedService];
  await balancer.use([b.url]);
  const [atA, atB] = [service.at(a.url), service.at(b.url)];
  const course = newCourse();
  await putOnSale(atA, course);
  const buyer = await newBuyer(atA);
  const events = collect(atA.live(buyer.token), "subscription { paymentEvents { type } }");
  await eventually(
    () => count(a, "live_subscriptions"),
    (open) => open === 1,
  );

  const bought = (await buyer.page(course)).data.createPurchase;
  await service.pay(await sessionAt(service, bought.checkoutUrl));
  const told = () => events.results.map(({ data }) => data.paymentEvents.type as string);
  await eventually(told, (types) => types.includes("PURCHASE_COMPLETED"));
  const open = async (at: TestService) =>
    (
      await at.ask(
        `{ accessTo(resourceType: COURSE, resourceId: "${course.resourceId}") { granted } }`,
        {},
        buyer.token,
      )
    ).data.accessTo.granted;
  await eventually(
    async () => [await open(atA), await open(atB)],
    (both) => both.every(Boolean),
  );

  const { payment } = await buyer.until(bought.purchase.id, "COMPLETED");
  const refund = "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { status } }";
  const admin = await service.token(newUser(), "admin");
  const { errors } = await atA.ask(refund, { input: { paymentId: payment.id } }, admin);
  expect(errors).toBeUndefined();
  await eventually(
    async () => [await open(atA), await open(atB)],
    (both) => !both.some(Boolean),
  );
  events.stop();

  // each did its own part alone
  expect(await count(a, "webhook_deliveries_total")).toBe(0);
  expect(await count(b, "webhook_deliveries_total")).toBeGreaterThan(3);
  for (const one of web)
    for (const name of ["inbox_events_total", "outbox_published_total"])
      expect(await count(one, name)).toBe(0);
  for (const { url } of workers) expect((await fetch(`${url}/graphql`, { method: "POST" })).status).toBe(404);
  await balancer.use([a.url, b.url]);
}, 60_000);

test("one trace leads from a webhook at a web replica to the event that a worker sends", async () => {
  const chain = await eventually(
    () => {
      const sent = collector.spans().find(({ name }) => name === "publish purchase.completed");
      return sent ? collector.ancestry(sent) : [];
    },
    (spans) => spans.some(({ name }) => name.startsWith("webhook ")),
  );
  const [sent, received] = [chain[0], chain.at(-1)];
  const worked = chain.find(({ name }) => name === "work on events");
  expect([sent?.kind, worked?.kind, received?.kind]).toEqual([4, 5, 2]);
  expect(received?.instance).not.toBe(worked?.instance);
  // reads and transactions are shared: they lie in the trace of whichever job began them
  const ofJobs = (name: string) =>
    collector
      .spans()
      .filter((span) => span.name.startsWith(name))
      .filter((span) => collector.ancestry(span).some((around) => around.name === "work on events"));
  await eventually(
    () => [ofJobs("Stripe "), ofJobs("write rows")].map(([first]) => first?.kind),
    (kinds) => kinds[0] === 3 && kinds[1] === 1,
  );
  const stream = await service.app.parts.redis.xrange("payment-events", "-", "+");
  const event = stream
    .map(([, [, message]]) => JSON.parse(message ?? ""))
    .find(({ type }) => type === "purchase.completed");
  expect(event.traceparent).toBe(`00-${sent?.traceId}-${sent?.spanId}-01`);
});

test("a request goes on with its caller's trace, and spans tell of nobody", async () => {
  const [a] = web as [SpawnedService];
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const userId = newUser();
  const headers = {
    ...{ "content-type": "application/json", authorization: `Bearer ${await service.token(userId)}` },
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  };
  const query = `query Mine { subscriptionStatus { id } accessTo(resourceType: COURSE, resourceId: "secret-course") { granted } }`;
  for (const _ of ["by Apollo Server", "in front of it"])
    await fetch(`${a.url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
  const spans = await eventually(
    () => collector.spans().filter((span) => span.traceId === traceId),
    (all) => all.length === 2,
  );
  for (const span of spans)
    expect(span).toMatchObject({ name: "query Mine", kind: 2, parentSpanId: "b7ad6b7169203331" });
  const said = JSON.stringify(collector.spans());
  for (const secret of [userId, "secret-course", "@example.com", "cus_", "pi_", "cs_test", "/health"])
    expect(said).not.toContain(secret);
});

/** A live client that connects again whenever its connection is closed. */
async function watching(userId: string) {
  const client = createClient({
    url: `${balancer.url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { token: await service.token(userId) },
    retryAttempts: 100,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  });
  const closings: unknown[] = [];
  client.on("closed", (event) => closings.push((event as { code: number }).code));
  const { results } = collect(client, "subscription { subscriptionStatusChanged { grantsAccess } }");
  return { states: results, closings, dispose: () => client.dispose() };
}

/** Starts a replica of each role, then ends one of the old of each. */
async function rollOne(): Promise<void> {
  const [newWeb, newWorker] = await Promise.all([another("off"), another("only")]);
  const old = [web.shift(), workers.shift()] as SpawnedService[];
  web.push(newWeb);
  workers.push(newWorker);
  leaving.push(...old);
  await balancer.use([...web, ...old.slice(0, 1)].map(({ url }) => url));
  const ends = old.map(({ child }) => once(child, "exit"));
  for (const { child } of old) child.kill("SIGTERM");
  // not ready from now on, and yet there for whoever has not heard of it
  const url = `${old[0]?.url}/health/readiness`;
  await eventually(
    () => fetch(url).catch(() => undefined),
    (answer) => answer?.status === 503 && answer.headers.get("connection") === "close",
  );
  expect(await Promise.all(ends)).toEqual(old.map(() => [0, null]));
}

test("rolling all replicas under load fails no request, and loses and doubles no event", async () => {
  const load = await startLoad(service, balancer.url);
  running.push(load.stop);
  const watcher = newUser();
  const live = await watching(watcher);
  running.push(live.dispose);
  await eventually(
    () => live.states.length,
    (seen) => seen > 0,
  );
  await rollOne();
  await rollOne();
  // it went from one replica to the next, each time told by a code that says so
  expect(live.closings.length).toBeGreaterThan(0);
  expect(new Set(live.closings)).toEqual(new Set([1012]));
  await load.subscribe(watcher);
  await eventually(
    () => live.states.at(-1)?.data.subscriptionStatusChanged,
    (state) => state?.grantsAccess,
  );
  await live.dispose();

  const { asked, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(100);
  const { learners } = load;
  expect(await factsOnce(learners)).toBe(2 * learners.length);
  for (const userId of learners) {
    const { data } = await service.at(balancer.url).ask(STATUS, {}, await service.token(userId));
    expect(data.subscriptionStatus.grantsAccess).toBe(true);
  }
}, 180_000);

/** How many facts of these users' first payments have left, each of them once and no more. */
async function factsOnce(users: readonly string[]): Promise<number> {
  const em = service.app.parts.orm.em.fork();
  const facts = await eventually(
    () =>
      em.execute<{ id: string; sent: boolean }[]>(
        `select id, sent_at is not null as sent from outbox
          where type in ('subscription.created', 'payment.succeeded') and user_id = any(string_to_array(?, ','))`,
        [users.join()],
      ),
    (rows) => rows.length >= 2 * users.length && rows.every(({ sent }) => sent),
  );
  const stream = await service.app.parts.redis.xrange("payment-events", "-", "+");
  const text = stream.map(([, fields]) => fields.join()).join();
  return facts.filter(({ id }) => text.split(id).length === 2).length;
}
