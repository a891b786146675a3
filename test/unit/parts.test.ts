import { AsyncLocalStorage } from "node:async_hooks";
import { jest } from "@jest/globals";
import { buildSchema, parse } from "graphql";
import { ProviderUnavailable } from "../../src/errors.ts";
import { EVENT_TYPES, eventId } from "../../src/events/event-types.ts";
import { hashOf } from "../../src/hash.ts";
import { isPublicDocument } from "../../src/http/public-documents.ts";
import { callScope, whileSomebodyWaits } from "../../src/stripe/call-scope.ts";
import { Coalescer } from "../../src/sync/coalesce.ts";

/** Work that ends when it is told to, and counts how often it began. */
function gatedWork() {
  const gates: { open: (answer: number) => void; fail: (error: Error) => void }[] = [];
  const work = () =>
    new Promise<number>((resolve, reject) => void gates.push({ open: resolve, fail: reject }));
  const gate = (at: number) => gates[at] as (typeof gates)[number];
  return { work, gate, begun: () => gates.length };
}
const ticks = async () => {
  for (let tick = 0; tick < 20; tick++) await Promise.resolve();
};

describe("reads of one object", () => {
  test("are two in a burst of twenty: the one that runs and one for all who came meanwhile", async () => {
    const { work, gate, begun } = gatedWork();
    const reads = new Coalescer<number>();
    const burst = Array.from({ length: 20 }, () => reads.run("sub_1", work));
    expect(begun()).toBe(1);
    gate(0).open(1);
    await ticks();
    expect(begun()).toBe(2);
    gate(1).open(2);
    expect(await Promise.all(burst)).toEqual([1, ...Array(19).fill(2)]);
    expect(begun()).toBe(2);
  });

  test("answer a caller only with a run that began after the call", async () => {
    const { work, gate, begun } = gatedWork();
    const reads = new Coalescer<number>();
    const first = reads.run("sub_1", work);
    const second = reads.run("sub_1", work);
    gate(0).open(1);
    await ticks();
    const third = reads.run("sub_1", work);
    expect(begun()).toBe(2);
    gate(1).open(2);
    await ticks();
    expect(begun()).toBe(3);
    gate(2).open(3);
    expect(await Promise.all([first, second, third])).toEqual([1, 2, 3]);
  });

  test("that fail do so for their own callers, and the next run is a new one", async () => {
    const { work, gate, begun } = gatedWork();
    const reads = new Coalescer<number>();
    const first = reads.run("sub_1", work).catch((error: Error) => error.message);
    const second = reads.run("sub_1", work);
    gate(0).fail(new Error("away"));
    await ticks();
    gate(1).open(2);
    expect([await first, await second]).toEqual(["away", 2]);
    const later = reads.run("sub_1", work);
    expect(begun()).toBe(3);
    gate(2).open(3);
    expect(await later).toBe(3);
  });

  test("that are shared run in the scope of none who wait: a request's deadline does not end a job's", async () => {
    const ids = new AsyncLocalStorage<string>();
    const { work, gate } = gatedWork();
    const reads = new Coalescer<number>();
    const seen: { urgency: string; deadline: number; id: string | undefined }[] = [];
    const look = async () => {
      seen.push({ ...callScope(), id: ids.getStore() });
      return 2;
    };
    const first = reads.run("sub_1", work);
    const request = ids.run("of a request", () => whileSomebodyWaits(() => reads.run("sub_1", look)));
    const job = ids.run("of a job", () => reads.run("sub_1", look));
    gate(0).open(1);
    expect(await Promise.all([first, request, job])).toEqual([1, 2, 2]);
    expect(seen).toEqual([{ urgency: "request", deadline: expect.any(Number), id: undefined }]);
    expect(seen[0]?.deadline).toBeGreaterThan(Date.now() + 20_000);
  });

  test("that jobs share are jobs' reads, whoever began the one before", async () => {
    const { work, gate } = gatedWork();
    const reads = new Coalescer<number>();
    const urgencies: string[] = [];
    const look = async () => urgencies.push(callScope().urgency);
    const first = whileSomebodyWaits(() => reads.run("sub_1", work));
    const jobs = [reads.run("sub_1", look), reads.run("sub_1", look)];
    gate(0).open(1);
    expect(await Promise.all([first, ...jobs])).toEqual([1, 1, 1]);
    expect(urgencies).toEqual(["job"]);
  });

  test("are not waited for longer by a request than it has, whoever else waits", async () => {
    jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask"] });
    const { work, gate } = gatedWork();
    const reads = new Coalescer<number>();
    const first = reads.run("sub_1", work);
    const request = whileSomebodyWaits(() => reads.run("sub_1", work)).catch((error: Error) => error);
    const job = reads.run("sub_1", work);
    jest.advanceTimersByTime(10_000);
    expect(await request).toBeInstanceOf(ProviderUnavailable);
    jest.useRealTimers();
    gate(0).open(1);
    await ticks();
    gate(1).open(2);
    expect([await first, await job]).toEqual([1, 2]);
  });

  test("wait for nobody else's", async () => {
    const { work, gate, begun } = gatedWork();
    const reads = new Coalescer<number>();
    const both = [reads.run("sub_1", work), reads.run("sub_2", work)];
    expect(begun()).toBe(2);
    gate(1).open(2);
    gate(0).open(1);
    expect(await Promise.all(both)).toEqual([1, 2]);
  });
});

describe("the hash of an input", () => {
  test("does not depend on the order of keys, at any depth, nor on members that are undefined", () => {
    expect(hashOf({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } })).toBe(
      hashOf({ b: { f: null, c: [1, { e: 3, d: 2 }], g: undefined }, a: 1 }),
    );
  });

  test("differs for whatever is different", () => {
    const values: unknown[] = [
      ...[null, true, 0, 1, "1", "", [], {}, [1, 2], [2, 1], [[1], 2], { a: 1 }, { a: "1" }, { a: null }],
      ...[{ b: 1 }, { a: { b: 1 } }, new Date(0), new Date(1), { at: new Date(0) }, { at: new Date(1) }],
      ...['a"b', 'a":"b', { "a:1,b": 2 }, { a: "1,b:2" }],
    ];
    expect(new Set(values.map(hashOf)).size).toBe(values.length);
  });

  test("is the same for a date and for how JSON keeps it", () => {
    expect(hashOf({ at: new Date(0) })).toBe(hashOf({ at: "1970-01-01T00:00:00.000Z" }));
  });

  test("never changes: rows and Stripe's idempotency keys hold it", () => {
    // sha256sum of {"a":true,"b":[1,"two",null]}
    expect(hashOf({ b: [1, "two", null], a: true })).toBe(
      "f696b62c20aee409969b391cb3cdf8ad9a60dc4853ac5863fd9d85aa8d802b31",
    );
  });
});

describe("the id of an event", () => {
  test("is the same for the same fact for ever", () => {
    expect(eventId("payment.succeeded", "ch_1")).toBe(eventId("payment.succeeded", "ch_1"));
    expect(eventId("subscription.updated", "a", 2)).toBe(eventId("subscription.updated", "a", 2));
  });

  test("differs by type and by every part of the fact", () => {
    const ids = [
      ...EVENT_TYPES.map((type) => eventId(type, "x")),
      ...[eventId("subscription.updated", "x", 1), eventId("subscription.updated", "x", 2)],
      ...[eventId("payment.failed", "ch_1"), eventId("payment.failed", "ch_2")],
    ];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("an answer may be kept by caches", () => {
  const schema = buildSchema(`
    type Query { plans: [Plan] plan(id: ID!): Plan paymentConfig: Config offers: [Plan] payments: [Int] _service: Int }
    type Plan { id: ID payments: Int }
    type Config { publishableKey: String }
  `);
  const isPublic = (query: string) => isPublicDocument(schema, parse(query));

  test.each([
    "{ plans { id } }",
    "{ plans { id payments } paymentConfig { publishableKey } __typename }",
    "query A { mine: plans { id } } query B { plan(id: 1) { id } }",
    "{ ... { plans { id } } }",
    "{ ... on Query { plans { id } } }",
    "{ ...Q } fragment Q on Query { plans { ...P } } fragment P on Plan { payments }",
  ])("of %s", (query) => {
    expect(isPublic(query)).toBe(true);
  });

  test.each([
    "{ payments }",
    "{ plans { id } payments }",
    "{ plans: payments }",
    "{ ... { payments } }",
    "{ ... on Query @include(if: true) { plans { id } payments } }",
    "{ plans { id } ...Q } fragment Q on Query { ...R } fragment R on Query { payments }",
    "query A { plans { id } } query B { payments }",
    "{ _service }",
  ])("not of %s", (query) => {
    expect(isPublic(query)).toBe(false);
  });
});
