import { Lanes } from "../../src/lanes.ts";
import { Rush } from "../../src/webhooks/rush.ts";

let now = 0;
beforeEach(() => {
  now = 1_000;
});
const passes = (ms: number) => {
  now += ms;
};
const isPending = async (work: Promise<unknown>) => {
  const turn = new Promise((resolve) => setImmediate(() => resolve("pending")));
  return (await Promise.race([work, turn])) === "pending";
};

test("nothing waits while nothing is being stored", async () => {
  await new Rush(() => now).calm();
});

test("work waits until what is being stored is stored, and a tenth as long again", async () => {
  const rush = new Rush(() => now);
  const leave = [rush.enter(), rush.enter()];
  const work = rush.calm();
  passes(100);
  leave[0]?.();
  expect(await isPending(work)).toBe(true);
  leave[1]?.();
  passes(9);
  expect(await isPending(rush.calm())).toBe(true);
  passes(2);
  await work;
});

test("a rush goes on when something comes within its rest, and a new one begins after that", async () => {
  const rush = new Rush(() => now);
  const first = rush.enter();
  passes(1_000);
  first();
  passes(90);
  rush.enter()();
  passes(99);
  expect(await isPending(rush.calm())).toBe(true);
  passes(2);
  await rush.calm();
  rush.enter()();
  passes(1);
  await rush.calm();
});

test("work waits for five seconds at most, however long a rush lasts", async () => {
  const rush = new Rush(() => now);
  rush.enter();
  passes(4_999);
  expect(await isPending(rush.calm())).toBe(true);
  passes(2);
  await rush.calm();
});

test("a flood that has just begun is not over at its first pause", async () => {
  const rush = new Rush(() => now);
  for (const leave of Array.from({ length: 21 }, () => rush.enter())) leave();
  passes(99);
  const work = rush.calm();
  expect(await isPending(work)).toBe(true);
  passes(2);
  await work;
});

test("a flood is what brings more than a few payments, until it stops or has come for a minute", () => {
  const rush = new Rush(() => now);
  const enter = (count: number) => Array.from({ length: count }, () => rush.enter());
  const few = enter(20);
  expect(rush.isFlood()).toBe(false);
  const more = enter(1);
  expect(rush.isFlood()).toBe(true);
  for (const leave of [...few, ...more]) leave();
  passes(101);
  expect(rush.isFlood()).toBe(false);
  enter(21);
  passes(59_999);
  expect(rush.isFlood()).toBe(true);
  passes(2);
  expect(rush.isFlood()).toBe(false);
});

test("work that waits begins when there may be more of it", async () => {
  let most = 1;
  const lanes = new Lanes(() => most);
  let end = () => {};
  const first = lanes.run(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const second = lanes.run(async () => {});
  expect(await isPending(second)).toBe(true);
  most = 2;
  await second;
  end();
  await first;
});
