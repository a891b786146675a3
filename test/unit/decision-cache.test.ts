import type { TimedDecision } from "../../src/services/access-question.ts";
import type { Decide } from "../../src/services/decision-cache.ts";
import {
  about,
  type Decisions,
  GRANTED,
  LATER,
  primary,
  REFUSED,
  startDecisions,
  textsOf,
} from "../support/decisions.ts";
import { eventually, newUser } from "../support/service.ts";

let decisions: Decisions;
let connection: Decisions["connection"];
let now = new Date("2026-03-10T12:00:00Z");
beforeAll(async () => {
  decisions = await startDecisions(() => now);
  connection = decisions.connection;
});
afterAll(() => decisions.stop());

const replica = () => decisions.replica();
const kept = (userId: string, fields: number) => decisions.kept(userId, fields);
/** Takes what is kept of a user out of Redis, but for the lease. */
const forget = async (userId: string) =>
  connection.hdel(`payment:{${userId}}:access`, ...Object.keys(await textsOf(connection, userId)));

test("a decision is asked for once: then this process answers, and the others from Redis", async () => {
  const user = newUser();
  const truth = primary(GRANTED);
  const [one, two] = [replica(), replica()];
  expect(await one.answer([about(user), about(user, "course-2")], truth)).toEqual([GRANTED, GRANTED]);
  await kept(user, 2);
  await one.answer([about(user)], truth);
  expect(await two.answer([about(user, "course-2"), about(user)], truth)).toEqual([GRANTED, GRANTED]);
  expect(truth.asked).toHaveLength(1);
});

test("only what is not known is asked for, all of it at once, and answers keep their order", async () => {
  const [user, other] = [newUser(), newUser()];
  await replica().answer([about(user)], primary(LATER));
  await kept(user, 1);
  const truth = primary(GRANTED);
  const questions = [about(other), about(user), about(user, "course-2"), about(other)];
  expect(await replica().answer(questions, truth)).toEqual([GRANTED, LATER, GRANTED, GRANTED]);
  expect(truth.asked).toEqual([[questions[0], questions[2], questions[3]]]);
});

test("a process gives no refusal by itself, so that a grant is seen by every replica at once", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  await two.answer([about(user)], primary(REFUSED));
  await kept(user, 1);
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([REFUSED]); // from Redis
  const lower = await one.fence([user]);
  lower();
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
});

test("what a process remembers it gives for as long as Redis says that nothing has changed, and no longer", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  await two.answer([about(user), about(user, "course-2")], primary(REFUSED));
  await kept(user, 2);
  await two.answer([about(user), about(user, "course-2")], primary(GRANTED)); // from Redis
  // only whether it stands is asked: the texts themselves are not read again
  await forget(user);
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([REFUSED]);
  const more = primary(LATER);
  expect(await two.answer([about(user, "course-3"), about(user)], more)).toEqual([LATER, REFUSED]);
  expect(more.asked).toEqual([[about(user, "course-3")]]);
  const lower = await one.fence([user]);
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
  lower();
  const other = newUser();
  await two.answer([about(other)], primary(REFUSED));
  await kept(other, 1);
  (await one.fenceAll())();
  await decisions.gone();
  expect(await two.answer([about(other)], primary(GRANTED))).toEqual([GRANTED]);
});

test("what was decided a process remembers when it is asked for again: the first time Redis does", async () => {
  const user = newUser();
  const cache = replica();
  await cache.answer([about(user)], primary(GRANTED));
  await kept(user, 1);
  await forget(user);
  expect(await cache.answer([about(user)], primary(LATER))).toEqual([LATER]);
  await kept(user, 1);
  expect(await cache.answer([about(user)], primary(REFUSED))).toEqual([LATER]);
  await forget(user);
  expect(await cache.answer([about(user)], primary(REFUSED))).toEqual([LATER]);
});

test("what is remembered from before a change makes way for what Redis has after it", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  await decisions.remember(two, user, REFUSED);
  const lower = await one.fence([user]);
  lower();
  await decisions.gone(user);
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
  await kept(user, 1);
  const truth = primary(REFUSED);
  expect(await two.answer([about(user)], truth)).toEqual([GRANTED]);
  expect(truth.asked).toEqual([]);
});

test("questions of several who ask at once are answered each with their own", async () => {
  const users = [newUser(), newUser(), newUser()];
  const cache = replica();
  const answers = await Promise.all(
    users.map((user, nth) => cache.answer([about(user)], primary(nth === 1 ? REFUSED : GRANTED))),
  );
  expect(answers).toEqual([[GRANTED], [REFUSED], [GRANTED]]);
  for (const user of users) await kept(user, 1);
  const again = users.map((user) => replica().answer([about(user)], primary(LATER)));
  expect(await Promise.all(again)).toEqual(answers);
});

test.each([
  "not JSON",
  "null",
  "{}",
  '["generation"]',
  '["generation", "BRIBE", null, null]',
  '["generation", "GIFT", null, 1e99]',
])("an entry that reads %s is no answer, and spoils none", async (text) => {
  const user = newUser();
  await replica().answer([about(user)], primary(REFUSED));
  await kept(user, 1);
  const generation = (await connection.get("payment:access:catalogue")) as string;
  const spoilt = text.replace("generation", generation);
  for (const [good, fields] of Object.entries(await textsOf(connection, user))) {
    await connection.hdel(`payment:{${user}}:access`, good);
    await connection.hset(`payment:{${user}}:access`, spoilt, fields);
  }
  expect(await replica().answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
});

test("whoever has something else under their key has nothing kept, and all others have", async () => {
  const [user, other] = [newUser(), newUser()];
  await connection.set(`payment:{${user}}:access`, "something else");
  const [truth, cache] = [primary(REFUSED), replica()];
  await Promise.all([cache.answer([about(user)], truth), cache.answer([about(other)], truth)]);
  await kept(other, 1);
  const later = primary(GRANTED);
  const both = await Promise.all([user, other].map((one) => replica().answer([about(one)], later)));
  expect(both).toEqual([[GRANTED], [REFUSED]]);
  const again = await replica().answer([about(other), about(user)], later);
  expect(again).toEqual([REFUSED, GRANTED]);
});

test("whoever comes back when what was kept has ended is asked about once", async () => {
  const user = newUser();
  const cache = replica();
  await cache.answer([about(user)], primary(REFUSED));
  await kept(user, 1);
  await connection.del(`payment:{${user}}:access`);
  const truth = primary(REFUSED);
  await cache.answer([about(user)], truth);
  await kept(user, 1);
  expect(await cache.answer([about(user)], truth)).toEqual([REFUSED]);
  expect(truth.asked).toHaveLength(1);
});

test("ten thousand decisions of a user are kept as one is", async () => {
  const user = newUser();
  const all = Array.from({ length: 10_000 }, (_, nth) => about(user, `course-${nth}`));
  await replica().answer(all, primary(REFUSED));
  await kept(user, all.length);
  const truth = primary(GRANTED);
  expect(new Set(await replica().answer(all, truth))).toEqual(new Set([REFUSED]));
  expect(truth.asked).toEqual([]);
});

test("what is added about a user joins what is there, until that is long: then it begins anew", async () => {
  const user = newUser();
  const page = (of: number) => Array.from({ length: 1_000 }, (_, nth) => about(user, `course-${of}-${nth}`));
  for (const of of [1, 2]) {
    await replica().answer(page(of), primary(REFUSED));
    await kept(user, 1_000 * of);
  }
  await replica().answer(page(3), primary(REFUSED));
  await kept(user, 1_000);
  const truth = primary(GRANTED);
  expect(new Set(await replica().answer(page(3), truth))).toEqual(new Set([REFUSED]));
  expect(truth.asked).toEqual([]);
});

test("what another build has kept of a user in its own way is no answer, and spoils none", async () => {
  const user = newUser();
  await replica().answer([about(user)], primary(REFUSED));
  await kept(user, 1);
  const [[text] = []] = Object.entries(await textsOf(connection, user));
  await connection.hset(`payment:{${user}}:access`, "COURSE:course-2", text as string);
  const truth = primary(GRANTED);
  const questions = [about(user), about(user, "course-2")];
  expect(await replica().answer(questions, truth)).toEqual([REFUSED, GRANTED]);
});

test("a Redis that has forgotten its scripts is told them again", async () => {
  const user = newUser();
  await connection.script("FLUSH");
  await replica().answer([about(user)], primary(REFUSED));
  await kept(user, 1);
});

test("an entry is good until the moment at which time makes it another", async () => {
  const user = newUser();
  const ends = new Date(now.getTime() + 30_000);
  const until: TimedDecision = { ...GRANTED, expiresAt: ends, changesAt: ends };
  const one = replica();
  await one.answer([about(user)], primary(until));
  await kept(user, 1);
  expect(await replica().answer([about(user)], primary(REFUSED))).toEqual([until]);
  now = ends;
  expect(await one.answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
  expect(await replica().answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
});

test("nothing is kept for longer than a minute", async () => {
  const user = newUser();
  await replica().answer([about(user)], primary(GRANTED));
  await kept(user, 1);
  await replica().answer([about(user, "course-2")], primary(GRANTED));
  await kept(user, 2);
  expect(await connection.pttl(`payment:{${user}}:access`)).toBeLessThanOrEqual(60_000);
  expect(await connection.pttl(`payment:{${user}}:access`)).toBeGreaterThan(0);
});

test("an answer that took long lives no longer for coming to one that was asked later", async () => {
  const user = newUser();
  const cache = replica();
  let answer: () => void = () => {};
  const slow: Decide = (questions) =>
    new Promise((resolve) => {
      answer = () => resolve(questions.map(() => GRANTED));
    });
  const early = cache.answer([about(user)], slow);
  await new Promise((resolve) => setTimeout(resolve, 600));
  await cache.answer([about(user, "course-2")], primary(GRANTED));
  answer();
  await early;
  const change = await replica().fence([user]); // behind it the primary is asked
  await new Promise((resolve) => setTimeout(resolve, 450));
  expect(await cache.answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
  change();
});

test("without Redis the primary answers, and a change is made all the same", async () => {
  const user = newUser();
  const cache = replica();
  await decisions.redis.kill();
  try {
    expect(await cache.answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
    (await cache.fence([user]))();
    const failing: Decide = () => Promise.reject(new Error("the database is away"));
    await expect(cache.answer([about(user)], failing)).rejects.toThrow("the database is away");
  } finally {
    await decisions.redis.restart();
    await eventually(
      () => connection.status,
      (status) => status === "ready",
    );
  }
});
