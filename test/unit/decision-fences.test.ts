import type { Decide } from "../../src/services/decision-cache.ts";
import {
  about,
  type Decisions,
  GRANTED,
  LATER,
  primary,
  REFUSED,
  startDecisions,
} from "../support/decisions.ts";
import { newUser } from "../support/service.ts";

let decisions: Decisions;
let connection: Decisions["connection"];
beforeAll(async () => {
  decisions = await startDecisions();
  connection = decisions.connection;
});
afterAll(() => decisions.stop());

const replica = () => decisions.replica();
const kept = (userId: string, fields: number) => decisions.kept(userId, fields);

test("behind a fence all ask the primary, and nothing is kept", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  await decisions.remember(two, user, REFUSED);
  await one.fence([user]);
  expect(await two.answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
  const truth = primary(LATER);
  expect(await two.answer([about(user)], truth)).toEqual([LATER]);
  expect(truth.asked).toHaveLength(1);
  expect(await connection.hkeys(`payment:{${user}}:access`)).toEqual(["fence"]);
});

test("what was read before a change is not kept after it, also when the fence has fallen since", async () => {
  const user = newUser();
  const [reader, writer] = [replica(), replica()];
  const slow: Decide = async (questions) => {
    const lower = await writer.fence([user]);
    lower();
    await decisions.gone(user);
    return questions.map(() => REFUSED);
  };
  await reader.answer([about(user)], slow);
  await connection.ping(); // behind the attempt to keep it
  const truth = primary(GRANTED);
  expect(await replica().answer([about(user)], truth)).toEqual([GRANTED]);
  expect(truth.asked).toHaveLength(1);
});

test("a fence that nobody takes down falls by itself", async () => {
  const user = newUser();
  await replica().fence([user]);
  const left = await connection.pttl(`payment:{${user}}:access`);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(15_000);
});

test("one change does not take down the fence of the next", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  const lowerFirst = await one.fence([user]);
  const lowerSecond = await two.fence([user]);
  lowerFirst();
  await connection.ping();
  expect(await connection.hkeys(`payment:{${user}}:access`)).toEqual(["fence"]);
  lowerSecond();
  await decisions.gone(user);
});

test("a change of the catalogue that lost its fence leaves nothing from before it", async () => {
  const user = newUser();
  const lower = await replica().fenceAll();
  await connection.del("payment:access:catalogue"); // as if it had fallen by itself
  await replica().answer([about(user)], primary(GRANTED));
  await kept(user, 1);
  lower();
  await decisions.gone();
  expect(await replica().answer([about(user)], primary(REFUSED))).toEqual([REFUSED]);
});

test("a change of the catalogue makes every decision a question again", async () => {
  const user = newUser();
  const [one, two] = [replica(), replica()];
  await decisions.remember(two, user, REFUSED);
  const lower = await one.fenceAll();
  expect(await two.answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
  lower();
  await decisions.gone();
  expect(await replica().answer([about(user)], primary(GRANTED))).toEqual([GRANTED]);
});
