import { Gathering } from "../../src/gathering.ts";

/** Answers twice what it is given, and remembers what came together. */
function doubling(
  limits: { most: number; underWay: number; sizeOf?: (given: number) => number } = { most: 10, underWay: 1 },
) {
  const rounds: number[][] = [];
  const gathering = new Gathering(async (all: number[]) => {
    rounds.push(all);
    await new Promise((resolve) => setImmediate(resolve));
    if (all.includes(0)) throw new Error("nothing cannot be doubled");
    return all.map((one) => 2 * one);
  }, limits);
  return { rounds, gathering };
}

test("what is asked for at once is done together, and each gets its own answer", async () => {
  const { rounds, gathering } = doubling();
  expect(await Promise.all([1, 2, 3].map((one) => gathering.ask(one)))).toEqual([2, 4, 6]);
  expect(await gathering.ask(4)).toBe(8);
  expect(rounds).toEqual([[1, 2, 3], [4]]);
});

test("no more than so many go together", async () => {
  const { rounds, gathering } = doubling({ most: 2, underWay: 1 });
  await Promise.all([1, 2, 3].map((one) => gathering.ask(one)));
  expect(rounds).toEqual([[1, 2], [3]]);
});

test("no more than so much goes together where they have sizes, and what is too large goes alone", async () => {
  const { rounds, gathering } = doubling({ most: 5, underWay: 1, sizeOf: (given) => given });
  await Promise.all([2, 3, 1, 9, 4].map((one) => gathering.ask(one)));
  expect(rounds).toEqual([[2, 3], [1], [9], [4]]);
});

test("what fails takes nobody along: each is tried alone", async () => {
  const { rounds, gathering } = doubling();
  const outcomes = await Promise.allSettled([1, 0, 3].map((one) => gathering.ask(one)));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(rounds).toEqual([[1, 0, 3], [1], [0], [3]]);
});

test("while the database is away nothing is tried again", async () => {
  let rounds = 0;
  const gathering = new Gathering(
    async () => {
      rounds += 1;
      throw Object.assign(new Error("gone"), { code: "ECONNREFUSED" });
    },
    { most: 10, underWay: 1 },
  );
  const outcomes = await Promise.allSettled([1, 2].map((one) => gathering.ask(one)));
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(rounds).toBe(1);
});

test("beside a round that is under way another begins once enough wait for it", async () => {
  const begun: number[][] = [];
  const ends: (() => void)[] = [];
  const gathering = new Gathering(
    async (all: number[]) => {
      begun.push(all);
      await new Promise<void>((resolve) => ends.push(resolve));
      return all;
    },
    { most: 10, underWay: 2, worthAnother: 2 },
  );
  const asked: Promise<number>[] = [];
  for (const one of [1, 2, 3]) {
    asked.push(gathering.ask(one));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(begun).toEqual([[1], [2, 3]]);
  asked.push(gathering.ask(4));
  for (const end of ends.splice(0)) end();
  await Promise.all(asked.slice(0, 3));
  expect(begun.at(-1)).toEqual([4]);
  for (const end of ends) end();
  await asked[3];
});

test("fewer than that do not wait for ever for a round that hangs", async () => {
  const begun: number[][] = [];
  let end = () => {};
  const hanging = new Promise<void>((resolve) => {
    end = resolve;
  });
  const gathering = new Gathering(
    async (all: number[]) => {
      begun.push(all);
      if (all.includes(1)) await hanging;
      return all;
    },
    { most: 10, underWay: 2, worthAnother: 8 },
  );
  const first = gathering.ask(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await Promise.all([2, 3].map((one) => gathering.ask(one)))).toEqual([2, 3]);
  expect(begun).toEqual([[1], [2, 3]]);
  end();
  expect(await first).toBe(1);
});
