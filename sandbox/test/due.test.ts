import { BackOff } from "../back-off.ts";
import { type DueRule, dueRule } from "../due.ts";
import { Journal } from "../journal.ts";
import type { Kinds } from "../kinds.ts";
import { showOverview } from "../pages/inspector/overview.ts";
import { SearchLag } from "../search/lag.ts";
import { World } from "../world.ts";
import { eventually } from "./support/eventually.ts";

/** Work on customers, by what their metadata says of when it is due and whether it fails. */
interface Told {
  due?: string;
  fails?: string;
}

const said = (customer: Kinds["customer"]): Told => customer.metadata ?? {};

const rule = dueRule({
  name: "a greeting is sent",
  kind: "customer",
  at: (customer) => (said(customer).due ? Number(said(customer).due) : null),
  run: (tx, customer) => {
    if (said(customer).fails && !hasStamps) throw new Error("no stamps left");
    tx.update("customer", customer.id, { metadata: {}, description: "greeted" });
  },
});

let lines: string[];
let hasStamps: boolean;
beforeEach(() => {
  lines = [];
  hasStamps = false;
});

function worldOf(backOffSeconds: number[], rules: DueRule[] = [rule]): World {
  const environment = {
    baseUrl: "",
    webhookSecrets: [],
    searchLag: new SearchLag(),
    backOff: new BackOff(backOffSeconds),
  };
  return new World(environment, new Journal(undefined), rules, (line) => lines.push(line));
}

const write = (world: World, id: string, metadata: Told, more: Partial<Kinds["customer"]> = {}) =>
  world.transact({ id: null, idempotencyKey: null }, (tx) =>
    tx.insert("customer", { id, test_clock: null, metadata, ...more } as Kinds["customer"]),
  );

const greeted = (world: World, id: string) => world.store.get("customer", id)?.description === "greeted";

test("due work that fails does not hold up other objects, is told, and is tried again", async () => {
  const world = worldOf([0]);
  write(world, "cus_bad", { due: "100", fails: "yes" });
  write(world, "cus_good", { due: "200" });
  world.runDue();
  expect([greeted(world, "cus_bad"), greeted(world, "cus_good")]).toEqual([false, true]);
  expect(lines).toEqual([
    expect.stringContaining('The sandbox itself has failed, at due work, "a greeting is sent" of cus_bad'),
  ]);

  const tryAgain = async () => {
    world.runDue();
    return world.upcoming("", 1)[0];
  };
  expect(await eventually(tryAgain, (next) => next!.failures >= 3)).toMatchObject({
    name: rule.name,
    id: "cus_bad",
    error: "no stamps left",
  });
  hasStamps = true;
  await eventually(tryAgain, (next) => next === undefined);
  expect(greeted(world, "cus_bad")).toBe(true);
});

test("failed due work waits for its next attempt, and is due at once when its object changes", () => {
  const world = worldOf([3600]);
  write(world, "cus_bad", { due: "100", fails: "yes" });
  for (let at = 0; at < 3; at++) world.runDue();
  expect(world.upcoming("", 1)[0]).toMatchObject({ failures: 1 });
  write(world, "cus_bad", { due: "100" });
  world.runDue();
  expect(greeted(world, "cus_bad")).toBe(true);
  expect(world.upcoming("", 1)).toEqual([]);
});

test("attempts have an end", () => {
  expect(new BackOff([1, 2]).after(1)).toBe(1000);
  expect(new BackOff([1, 2]).after(119)).toBe(2000);
  expect(new BackOff([1, 2]).after(120)).toBeNull();
});

describe("on a test clock", () => {
  const clock = (status: "ready" | "advancing", target?: number) =>
    ({
      id: "clock_1",
      object: "test_helpers.test_clock",
      created: 50,
      deletes_after: 4_000_000_000,
      frozen_time: 50,
      name: "story",
      status,
      status_details: target ? { advancing: { target_frozen_time: target } } : {},
    }) as unknown as Kinds["test_helpers.test_clock"];
  const put = (world: World, row: Kinds["test_helpers.test_clock"]) =>
    world.transact({ id: null, idempotencyKey: null }, (tx) => tx.insert("test_helpers.test_clock", row));

  test("a failure ends the clock, and the page names what failed", () => {
    const world = worldOf([0]);
    put(world, clock("ready"));
    write(world, "cus_bad", { due: "100", fails: "yes" }, { test_clock: "clock_1" });
    put(world, clock("advancing", 200));
    world.arrive("clock_1");
    expect(world.store.get("test_helpers.test_clock", "clock_1")).toMatchObject({
      status: "internal_failure",
    });
    expect(lines.join()).toContain('"a greeting is sent" of cus_bad on clock_1');
    const page = showOverview(world).body;
    expect(page).toMatch(
      /a greeting is sent<br>.*failed.*once, the last with “no stamps left”; not tried again/,
    );
    expect(page).toContain("It has failed for good, with what failed on it.");
  });

  test("what was planned goes with the clock", () => {
    const world = worldOf([0]);
    put(world, clock("ready"));
    write(world, "cus_1", { due: "100" }, { test_clock: "clock_1" });
    expect(world.upcoming("clock_1", 1)).toHaveLength(1);
    world.transact({ id: null, idempotencyKey: null }, (tx) => {
      tx.remove("test_helpers.test_clock", "clock_1");
      tx.update("customer", "cus_1", { name: "Left behind" });
    });
    expect(world.upcoming("clock_1", 1)).toEqual([]);
  });
});
