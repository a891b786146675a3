import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LISTENED_EVENTS } from "../../src/webhooks/event-table.ts";
import { ROOT } from "../support/root.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

/** Examples of Stripe's objects, beside the repository and never part of it. */
const FIXTURES = join(ROOT, "../shared/stripe/fixtures-subset.json");
const OLD_AND_NEW = [
  "2011-01-01",
  "2015-10-16",
  "2020-08-27",
  "2024-06-20",
  "2026-10-28.endive",
  "2031-01-01.later",
];

let service: TestService;
beforeAll(async () => {
  service = await startService({ webhooks: false });
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** Delivers each, then waits until all are worked on: none may be waiting for another try, or be given up. */
async function expectAllTaken(events: { id?: unknown }[]): Promise<void> {
  const answers = await Promise.all(
    events.map(async (event) => (await deliver(service, JSON.stringify(event))).status),
  );
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  const ids = JSON.stringify(events.map(({ id }) => id));
  const rows = await eventually(
    () =>
      execute<{ id: string; type: string; status: string; last_error: string | null }>(
        `select id, type, status, last_error from stripe_events
          where id in (select jsonb_array_elements_text(?::jsonb))`,
        [ids],
      ),
    (found) => found.every(({ status, last_error }) => status !== "pending" || last_error !== null),
    60_000,
  );
  expect(rows).toHaveLength(new Set(events.map(({ id }) => id)).size);
  expect(rows.filter(({ status }) => status !== "ignored" && status !== "done")).toEqual([]);
}

function fixtures(): [string, Record<string, unknown>][] {
  const { resources } = JSON.parse(readFileSync(FIXTURES, "utf8")) as {
    resources: Record<string, Record<string, unknown>>;
  };
  return Object.entries(resources);
}

describe("events recorded elsewhere are answered 200, and no job stumbles over them", () => {
  const isThere = existsSync(FIXTURES);
  if (!isThere) process.stdout.write("skipped: ../shared/stripe/fixtures-subset.json is not there\n");
  const testWithFixtures = isThere ? test : test.skip;

  testWithFixtures("every resource in every kind of event that the service listens to", async () => {
    const events = fixtures().flatMap(([, object], at) =>
      LISTENED_EVENTS.map((type, kind) =>
        eventOf(type, object, { api_version: OLD_AND_NEW[(at + kind) % 6] }),
      ),
    );
    for (let from = 0; from < events.length; from += 500)
      await expectAllTaken(events.slice(from, from + 500));
  });

  testWithFixtures("every resource in an event of its own kind, of old and new API versions", async () => {
    const events = fixtures().flatMap(([name, object]) =>
      OLD_AND_NEW.map((api_version) => eventOf(`${name}.updated`, object, { api_version })),
    );
    await expectAllTaken(events);
  });

  test.each<[string, unknown]>([
    ["null", null],
    ["a number", 7],
    ["text", "sub_1"],
    ["a list", [{ id: "sub_1" }]],
    ["empty", {}],
    ["without an id", { object: "subscription", customer: "cus_1" }],
    ["with a number for an id", { id: 12 }],
    ["with a list for an id", { id: ["sub_1"] }],
    ["with an empty id", { id: "" }],
    ["with a step within a path for an id", { id: ".." }],
    ["with a path for an id", { id: "../../v1/customers" }],
    ["with a query for an id", { id: "sub_1?expand[]=customer&x=%00" }],
    ["with a space and a quote in its id", { id: "sub '1\"; drop table customers" }],
    ["with an id of 300 characters", { id: "s".repeat(300) }],
    ["with half of a character in its id", { id: "sub_\ud800" }],
    ["with NUL in its id and in its customer", { id: "sub_\u0000", customer: "cus_\u0000" }],
    ["with a customer that is a list", { id: "sub_odd", customer: ["cus_1"] }],
    [
      "with references that are numbers",
      { id: "x_1", customer: 1, subscription: 2, payment_intent: 3, invoice: 4 },
    ],
    [
      "with references to nothing",
      { id: "x_2", customer: {}, subscription: {}, payment_intent: {}, invoice: {} },
    ],
    [
      "with ten thousand members",
      { id: "sub_wide", ...Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])) },
    ],
    ["with numbers that no computer counts to", { id: "sub_huge", amount: 1e308, created: -1e300 }],
  ])("an object that is %s", async (_what, object) => {
    await expectAllTaken(LISTENED_EVENTS.map((type) => eventOf(type, object as object)));
  });

  test("an object of half a megabyte", async () => {
    await expectAllTaken([eventOf("invoice.paid", { id: "in_large", description: "ü".repeat(250_000) })]);
  });

  test.each<[string, object]>([
    ["no data", { data: undefined }],
    ["data that is null", { data: null }],
    ["data that is text", { data: "none" }],
    ["data without an object", { data: {} }],
    [
      "attributes that were null",
      { data: { object: { id: "pm_1", customer: null }, previous_attributes: null } },
    ],
    ["an API version that is null", { api_version: null }],
    ["an API version of NUL", { api_version: "\u0000" }],
    ["a request and pending webhooks of another kind", { request: 7, pending_webhooks: "many" }],
    ["a date of creation that is text", { created: "yesterday" }],
  ])("an event with %s", async (_what, more) => {
    const object = { id: "obj_nowhere", customer: "cus_nowhere" };
    await expectAllTaken(LISTENED_EVENTS.map((type) => eventOf(type, object, more)));
  });

  test("a thin event for each name that a snapshot could have", async () => {
    const thin = (type: string, at: number) => ({
      ...{ id: `evt_thin_${at}_${Math.random()}`, object: "v2.core.event", type, livemode: false },
      related_object: { id: "cus_1", type: "customer", url: "/v1/customers/cus_1" },
    });
    await expectAllTaken(
      [...LISTENED_EVENTS, "v2.core.account.updated", "v1.billing.meter.no_meter_found"].map(thin),
    );
  });
});
