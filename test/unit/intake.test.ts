import { type Orm, openDatabase } from "../../src/database.ts";
import { burstsIn, Intake, type NamedBurst, type StoredEvent } from "../../src/webhooks/intake.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let orm: Orm;
beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
});
afterEach(() => orm.em.fork().execute("delete from graphile_worker._private_jobs"));
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

let made = 0;
function event(objectId: string, group: string | null, more: Partial<StoredEvent> = {}): StoredEvent {
  return {
    ...{ id: `evt_${made++}`, type: "invoice.paid", aggregate: "invoice", object_id: objectId },
    ...{ api_version: null, livemode: false, payload: "{}", status: "pending", source: "webhook" },
    ...{ stored_at: new Date(), key: `invoice:${objectId}`, group, ...more },
  };
}
/** The bursts that each job names. */
async function jobs(): Promise<NamedBurst[][]> {
  const rows = await orm.em
    .fork()
    .execute<{ payload: string[] }[]>("select payload from graphile_worker._private_jobs order by id");
  return rows.map(({ payload }) => burstsIn(payload));
}
const stored = async (ids: string[]) =>
  (
    await orm.em
      .fork()
      .execute<{ id: string }[]>(
        "select id from stripe_events where id in (select jsonb_array_elements_text(?::jsonb)) order by id",
        [JSON.stringify(ids)],
      )
  ).map(({ id }) => id);

test("what is stored together is woken by one job that names each object once, customer by customer", async () => {
  const intake = new Intake(orm.em);
  const events = [
    event("in_1", "cus_1"),
    event("in_1", "cus_1"),
    event("in_2", "cus_1"),
    event("in_3", "cus_2"),
    event("in_4", null),
  ];
  expect(await Promise.all(events.map((one) => intake.store(one)))).toEqual(events.map(() => true));
  expect(await jobs()).toEqual([
    [
      { group: "cus_1", keys: ["invoice:in_1", "invoice:in_2"] },
      { group: "cus_2", keys: ["invoice:in_3"] },
      { group: null, keys: ["invoice:in_4"] },
    ],
  ]);
  await intake.store(event("in_5", "cus_1"));
  expect((await jobs())[1]).toEqual([{ group: "cus_1", keys: ["invoice:in_5"] }]);
});

test("an event that does not say whose it is goes with one about the same object that does", async () => {
  const intake = new Intake(orm.em);
  const events = [event("in_6", null), event("in_6", "cus_3"), event("in_16", "cus_3"), event("in_6", null)];
  await Promise.all(events.map((one) => intake.store(one)));
  expect(await jobs()).toEqual([[{ group: "cus_3", keys: ["invoice:in_16", "invoice:in_6"] }]]);
});

test("it goes with one that came before, too", async () => {
  const intake = new Intake(orm.em);
  await intake.store(event("in_12", "cus_8"));
  await Promise.all([event("in_12", null), event("in_17", "cus_8")].map((one) => intake.store(one)));
  expect((await jobs())[1]).toEqual([{ group: "cus_8", keys: ["invoice:in_12", "invoice:in_17"] }]);
});

test("whoever works for a customer is told of what was stored of the same one meanwhile, once", async () => {
  const intake = new Intake(orm.em);
  const events = [event("in_13", "cus_9"), event("in_14", "cus_9"), event("in_15", "cus_10")];
  await Promise.all(events.map((one) => intake.store(one)));
  expect([...intake.takeStored(intake.groupOf("invoice:in_13"))].sort()).toEqual([
    "invoice:in_13",
    "invoice:in_14",
  ]);
  expect(intake.takeStored("cus_9")).toEqual([]);
  expect(intake.takeStored("cus_10")).toEqual(["invoice:in_15"]);
});

test("of a customer that nobody works for here only so much is remembered", async () => {
  const intake = new Intake(orm.em);
  const events = Array.from({ length: 130 }, (_, at) => event(`in_many_${at}`, "cus_11"));
  await Promise.all(events.map((one) => intake.store(one)));
  expect(intake.takeStored("cus_11")).toHaveLength(100);
});

test("a job of an earlier version names bursts without their customers", () => {
  expect(burstsIn(["", "invoice:in_1", "invoice:in_2", "", "invoice:in_3"])).toEqual([
    { group: null, keys: ["invoice:in_1", "invoice:in_2"] },
    { group: null, keys: ["invoice:in_3"] },
  ]);
  expect(burstsIn(["invoice:in_4"])).toEqual([{ group: null, keys: ["invoice:in_4"] }]);
});

test("of copies that come at once one is new, and what is ignored wakes nobody", async () => {
  const intake = new Intake(orm.em);
  const twin = event("in_7", "cus_4");
  const ignored = event("in_8", null, { status: "ignored", key: null });
  const answers = await Promise.all([twin, twin, ignored].map((one) => intake.store(one)));
  expect(answers).toEqual([true, false, true]);
  expect(await intake.store(twin)).toBe(false);
  expect(await stored([twin.id, ignored.id])).toHaveLength(2);
  expect(await jobs()).toEqual([[{ group: "cus_4", keys: ["invoice:in_7"] }]]);
});

test("one that cannot be stored fails alone, and nothing of it is woken", async () => {
  const intake = new Intake(orm.em);
  const bad = event("in_9", "cus_5", { payload: JSON.stringify({ text: "\u0000" }) });
  const good = [event("in_10", "cus_6"), event("in_11", "cus_7")];
  const outcomes = await Promise.allSettled(
    [good[0], bad, good[1]].map((one) => intake.store(one as StoredEvent)),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await stored([bad.id])).toEqual([]);
  expect(await jobs()).toEqual([
    [{ group: "cus_6", keys: ["invoice:in_10"] }],
    [{ group: "cus_7", keys: ["invoice:in_11"] }],
  ]);
});
