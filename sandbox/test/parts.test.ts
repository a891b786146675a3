import fc from "fast-check";
import { BackOff } from "../back-off.ts";
import { periodAt, recurrenceAfter } from "../billing/subscriptions/periods.ts";
import { passesLuhn, testCards } from "../cards.ts";
import { Clock } from "../clock.ts";
import { previousAttributes } from "../events/previous-attributes.ts";
import { decodeForm } from "../form.ts";
import { formatMoney, multiply } from "../money.ts";
import { SearchLag } from "../search/lag.ts";
import { Store } from "../store.ts";
import { type ImaginedTransaction, Transaction } from "../transaction.ts";

const seconds = (iso: string) => Date.parse(iso) / 1000;
const iso = (at: number) => new Date(at * 1000).toISOString().slice(0, 19);

describe("periods", () => {
  test.each([
    ["2026-01-31T10:00:00Z", "month", 1, 1, "2026-02-28T10:00:00"],
    ["2026-01-31T10:00:00Z", "month", 1, 2, "2026-03-31T10:00:00"],
    ["2024-02-29T00:00:00Z", "year", 1, 1, "2025-02-28T00:00:00"],
    ["2024-02-29T00:00:00Z", "year", 1, 4, "2028-02-29T00:00:00"],
    ["2026-11-30T23:59:59Z", "month", 3, 1, "2027-02-28T23:59:59"],
    ["2026-12-15T00:00:00Z", "week", 2, 1, "2026-12-29T00:00:00"],
    ["2026-12-31T00:00:00Z", "day", 1, 1, "2027-01-01T00:00:00"],
  ] as const)("%s, every %s × %i, after %i: %s", (from, interval, interval_count, periods, until) => {
    expect(iso(recurrenceAfter(seconds(from), { interval, interval_count }, periods))).toBe(until);
  });
});

test("every moment is in exactly one period, whose ends are recurrences of the anchor", () => {
  const recurrence = fc.record({
    interval: fc.constantFrom("day" as const, "week" as const, "month" as const, "year" as const),
    interval_count: fc.integer({ min: 1, max: 13 }),
  });
  const moment = fc.integer({ min: seconds("2000-01-01T00:00:00Z"), max: seconds("2060-01-01T00:00:00Z") });
  fc.assert(
    fc.property(moment, recurrence, moment, (anchor, every, at) => {
      const { start, end } = periodAt(anchor, every, at);
      expect(start <= at && at < end).toBe(true);
      expect(periodAt(anchor, every, end).start).toBe(end);
      expect(periodAt(anchor, every, start - 1).end).toBe(start);
    }),
  );
});

describe("money", () => {
  test("is multiplied exactly, halves away from zero", () => {
    expect(multiply("3900", 3)).toBe(11_700);
    expect(multiply("0.5", 3)).toBe(2);
    expect(multiply("0.333333333333", 3)).toBe(1);
    expect(multiply("-0.5", 1)).toBe(-1);
  });

  test("is shown with the currency's own digits", () => {
    expect([formatMoney(3900, "usd"), formatMoney(500, "jpy"), formatMoney(1500, "kwd")]).toEqual([
      "$39.00",
      "¥500",
      "KWD\u00a01.500",
    ]);
  });
});

describe("forms", () => {
  test("are decoded to any depth Stripe uses", () => {
    expect(decodeForm("a[b][0][c]=1&a[b][1][c]=2&e[]=x&e[]=y&m[k%20y]=v&plain=")).toEqual({
      a: { b: [{ c: "1" }, { c: "2" }] },
      e: ["x", "y"],
      m: { "k y": "v" },
      plain: "",
    });
  });

  test("never reach an object's prototype, and have bounds", () => {
    const decoded = decodeForm("__proto__[x]=1&a[__proto__][y]=2&constructor[prototype][z]=3");
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(Object.keys(decoded)).toContain("constructor");
    expect(() => decodeForm(`a${"[a]".repeat(20)}=1`)).toThrow("Too many parameters");
    expect(() => decodeForm("a=1&".repeat(10_001))).toThrow("Too many parameters");
  });
});

test("previous attributes hold what changed, as it was", () => {
  const before = { a: 1, same: { x: 1 }, nested: { x: 1, y: 2 }, list: [1], gone: null };
  const after = { a: 2, same: { x: 1 }, nested: { x: 1, y: 3 }, list: [1, 2], gone: null, added: "new" };
  expect(previousAttributes(before, after)).toEqual({ a: 1, nested: { y: 2 }, list: [1], added: null });
});

test("every test card's number checks, and every name is one card's", () => {
  expect(testCards.filter(({ number }) => !passesLuhn(number))).toEqual([]);
  const names = testCards.flatMap((card) => card.names);
  expect(new Set(names).size).toBe(names.length);
});

test("whatever a transaction did, rolling back leaves the store as it was", () => {
  const step = fc.tuple(
    fc.constantFrom("insert", "update", "remove"),
    fc.integer({ min: 0, max: 9 }),
    fc.constantFrom("a@x", "b@x"),
  );
  const look = (store: Store) =>
    JSON.stringify([
      [...store.newest("customer")],
      [...store.newest("customer", { index: "email", key: "a@x" })],
      [...store.oldest("customer", { index: "email", key: "b@x" })],
    ]);
  const work = (tx: Transaction, steps: [string, number, string][]) => {
    for (const [verb, number, email] of steps) {
      const id = `cus_${number}`;
      const row = { id, email } as Parameters<typeof tx.insert<"customer">>[1];
      if (verb === "remove") tx.remove("customer", id);
      else if (verb === "insert" || tx.get("customer", id)) tx.insert("customer", row);
    }
  };
  const begin = (store: Store) =>
    new Transaction(
      store,
      new Clock(),
      { baseUrl: "", webhookSecrets: [], searchLag: new SearchLag(), backOff: new BackOff() },
      { id: null, idempotencyKey: null },
    );
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (kept, undone) => {
      const store = new Store();
      work(begin(store), kept);
      const before = look(store);
      const tx = begin(store);
      work(tx, undone);
      tx.rollBack();
      expect(look(store)).toBe(before);
      const imagining = begin(store);
      imagining.imagine((tx) => work(tx, undone));
      expect(look(store)).toBe(before);
      expect(imagining.changes()).toEqual({ put: [], deleted: [] });
    }),
  );
});

test("what may only be imagined cannot be asked of a transaction that is kept", () => {
  const onlyImagined = (tx: ImaginedTransaction) => tx.now;
  const asked = (tx: Transaction) => {
    // @ts-expect-error: checked by the compiler, and so by `npm run check`
    onlyImagined(tx);
    return tx.imagine(onlyImagined);
  };
  expect(asked).toBeInstanceOf(Function);
});
