import type { ChildProcess } from "node:child_process";
import { Redis } from "ioredis";
import { STREAM } from "../../src/events/stream.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { type Gate, openGate } from "../support/gate.ts";
import {
  atPort,
  collect,
  eventually,
  newUser,
  startReplica,
  startService,
  type TestService,
} from "../support/service.ts";
import { kill, spawnService } from "../support/spawn.ts";

const LIVE_STATUS = "subscription { subscriptionStatusChanged { status grantsAccess } }";
const children: ChildProcess[] = [];
let service: TestService;

beforeAll(async () => {
  service = await startService();
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
});
afterAll(() => service.stop());

const newLearner = async () => {
  const userId = newUser();
  return { userId, token: await service.token(userId) };
};
const shows = (live: ReturnType<typeof collect>) =>
  live.results.map((one) => one.data?.subscriptionStatusChanged);
const untilShown = (live: ReturnType<typeof collect>, count: number) =>
  eventually(
    () => live.results.length,
    (shown) => shown >= count,
  );
const untilOpen = (token: string) =>
  eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
const unsentEvents = async () => {
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<{ n: string }[]>("select count(*) as n from outbox where sent_at is null");
  return Number(row?.n);
};

/** Of these users those whose payment the stream tells of. */
async function paidInStream(users: string[]): Promise<Set<string>> {
  const redis = new Redis(service.redis.url);
  const entries = await redis.xrange(STREAM, "-", "+");
  redis.disconnect();
  const events = entries.map(([, [, message]]) => JSON.parse(message as string));
  return new Set(
    events
      .filter(({ type, subject }) => type === "payment.succeeded" && users.includes(subject))
      .map(({ subject }) => subject),
  );
}

test("live clients that come and go while Redis is away end no process, and hear of what happens once it is back", async () => {
  const { child, url, log } = await spawnService({ ...service.env, LOG_LEVEL: "error" });
  children.push(child);
  const { token } = await newLearner();
  const early = collect(service.at(url).live(token), LIVE_STATUS);
  await untilShown(early, 1);

  await service.redis.kill();
  early.stop();
  const passing = collect(service.at(url).live(token), LIVE_STATUS);
  await untilShown(passing, 1);
  passing.stop();
  const staying = collect(service.at(url).live(token), LIVE_STATUS);
  await untilShown(staying, 1);
  expect(shows(staying)).toEqual([null]);
  const liveCount = async () =>
    Number(/^live_subscriptions (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
  await eventually(liveCount, (count) => count === 1);
  expect((await fetch(`${url}/health/liveness`)).status).toBe(200);

  await service.redis.restart();
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => shows(staying).at(-1),
    (state) => state?.status === "ACTIVE" && state.grantsAccess,
  );
  expect([child.exitCode, child.signalCode, log()]).toEqual([null, null, []]);
}, 60_000);

test("a rejected promise that nobody heeds is logged and ends nothing", async () => {
  const fault = `process.on("SIGUSR2",()=>void(Promise.reject(new Error("lost"))))`;
  const { child, url, log } = await spawnService({
    ...service.env,
    LOG_LEVEL: "error",
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}`,
  });
  children.push(child);
  child.kill("SIGUSR2");
  const [line] = await eventually(log, (lines) => lines.length > 0);
  expect(line).toMatchObject({ msg: "nobody heeded a rejected promise", err: { message: "lost" } });
  expect((await fetch(`${url}/health/readiness`)).status).toBe(200);
  expect(child.exitCode).toBeNull();
});

test("what is published before Redis has taken a new subscription is shown when it has", async () => {
  const gate: Gate = await openGate(service.redis.port);
  const replica = await startReplica(service, {
    WORKER: "off",
    REDIS_URL: atPort(service.redis.url, gate.port),
  });
  try {
    const { token } = await newLearner();
    const { data } = await openCheckout(service, token);
    await eventually(
      () => fetch(`${replica.url}/health`).then((response) => response.json() as Promise<{ status: string }>),
      ({ status }) => status === "ok",
    );
    gate.hold();
    const live = collect(replica.live(token), LIVE_STATUS);
    await untilShown(live, 1);
    await service.pay(data.createCheckoutSession.id);
    await untilOpen(token);
    await eventually(unsentEvents, (count) => count === 0);
    expect(shows(live)).toEqual([null]);

    gate.open();
    await eventually(
      () => shows(live).at(-1),
      (state) => state?.status === "ACTIVE" && state.grantsAccess,
    );
    live.stop();
  } finally {
    gate.open();
    await replica.app.stop();
    await gate.close();
  }
}, 60_000);

test("while Redis is frozen payments are applied and open the platform, and their events leave once it thaws", async () => {
  // more users than the worker has places
  const learners = await Promise.all(
    Array.from({ length: 13 }, async () => {
      const learner = await newLearner();
      const { data } = await openCheckout(service, learner.token);
      return { ...learner, sessionId: data.createCheckoutSession.id as string };
    }),
  );
  service.redis.pause();
  try {
    for (const { sessionId } of learners) await service.pay(sessionId);
    for (const { token } of learners) await untilOpen(token);
    expect(await unsentEvents()).toBeGreaterThan(0);
  } finally {
    service.redis.resume();
  }
  const paid = () => paidInStream(learners.map(({ userId }) => userId));
  await eventually(paid, (users) => users.size === learners.length, 40_000);
  await eventually(unsentEvents, (count) => count === 0);
}, 120_000);
