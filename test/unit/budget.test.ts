import { Redis } from "ioredis";
import { CallBudget } from "../../src/stripe/budget.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: 0, enableOfflineQueue: true });
  redis.on("error", () => {});
});
beforeEach(() => redis.flushdb());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const NOW = () => Date.now();
/** How many calls may be made at once: those that need not wait. */
async function atOnce(budget: CallBudget, urgency: "request" | "job", tries: number): Promise<number> {
  const taken = await Promise.all(Array.from({ length: tries }, () => budget.take(urgency, NOW())));
  return taken.filter((waited) => waited !== null).length;
}

test("a second's calls may be made at once, by all replicas together", async () => {
  const [one, other] = [new CallBudget(redis, 2), new CallBudget(redis, 2)];
  expect((await atOnce(one, "request", 3)) + (await atOnce(other, "request", 3))).toBe(2);
});

test("jobs leave a part of the bucket to requests", async () => {
  const budget = new CallBudget(redis, 10);
  expect(await atOnce(budget, "job", 20)).toBe(7);
  expect(await atOnce(budget, "request", 20)).toBe(3);
});

test("who finds the bucket empty waits its turn, unless that is after the deadline", async () => {
  const budget = new CallBudget(redis, 1);
  expect(await atOnce(budget, "request", 3)).toBe(1);
  expect(await budget.take("request", NOW())).toBeNull();
  expect(await budget.take("request", NOW() + 5_000)).toBeGreaterThan(0);
});

test("while Redis is away each replica keeps to a bucket of its own", async () => {
  const away = new Redis("redis://127.0.0.1:1", { retryStrategy: () => null, lazyConnect: true });
  away.on("error", () => {});
  const [one, other] = [new CallBudget(away, 2), new CallBudget(away, 2)];
  expect([await atOnce(one, "request", 3), await atOnce(other, "request", 3)]).toEqual([2, 2]);
});
