import { type Orm, openDatabase } from "../../src/database.ts";
import { Intake, type StoredEvent } from "../../src/webhooks/intake.ts";
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
const jobs = () =>
  orm.em.fork().execute<{ key: string; payload: string[] }[]>(
    `select job.key, private.payload from graphile_worker.jobs job
     join graphile_worker._private_jobs private using (id) order by job.key`,
  );
const stored = async (ids: string[]) =>
  (
    await orm.em
      .fork()
      .execute<{ id: string }[]>(
        "select id from stripe_events where id in (select jsonb_array_elements_text(?::jsonb)) order by id",
        [JSON.stringify(ids)],
      )
  ).map(({ id }) => id);
/** Others of one customer, that are stored with them. */
const ahead = () => [event("in_ahead", "cus_ahead"), event("in_ahead", "cus_ahead")];

test("what is told of one customer is woken as one job that names each object once", async () => {
  const intake = new Intake(orm.em);
  const events = [
    ...ahead(),
    event("in_1", "cus_1"),
    event("in_1", "cus_1"),
    event("in_2", "cus_1"),
    event("in_3", "cus_2"),
    event("in_4", null),
  ];
  expect(await Promise.all(events.map((one) => intake.store(one)))).toEqual(events.map(() => true));
  const woken = (await jobs()).filter(({ key }) => key !== "inbox:of:cus_ahead");
  expect(woken.map(({ key, payload }) => [key, payload.toSorted()])).toEqual([
    ["inbox:of:cus_1", ["invoice:in_1", "invoice:in_2"]],
    ["inbox:of:cus_2", ["invoice:in_3"]],
    ["inbox:of:invoice:in_4", ["invoice:in_4"]],
  ]);
  await intake.store(event("in_5", "cus_1"));
  const later = (await jobs()).find(({ key }) => key === "inbox:of:cus_1");
  expect(later?.payload.toSorted()).toEqual(["invoice:in_1", "invoice:in_2", "invoice:in_5"]);
});

test("an event that does not say whose it is goes with one about the same object that does", async () => {
  const intake = new Intake(orm.em);
  const events = [...ahead(), event("in_6", null), event("in_6", "cus_3"), event("in_6", null)];
  await Promise.all(events.map((one) => intake.store(one)));
  expect((await jobs()).map(({ key }) => key)).toEqual(["inbox:of:cus_3", "inbox:of:cus_ahead"]);
});

test("it goes with one that came before, too", async () => {
  const intake = new Intake(orm.em);
  await intake.store(event("in_12", "cus_8"));
  await intake.store(event("in_12", null));
  expect((await jobs()).map(({ key }) => key)).toEqual(["inbox:of:cus_8"]);
});

test("whoever waits for a rush to end is told of what was stored of the same customer meanwhile, once", async () => {
  const intake = new Intake(orm.em);
  const first = intake.store(event("in_13", "cus_9"));
  const [waiting, another] = [intake.calm(["invoice:in_13"]), intake.calm(["invoice:in_15"])];
  await Promise.all([first, intake.store(event("in_14", "cus_9")), intake.store(event("in_15", "cus_10"))]);
  expect([...(await waiting)].sort()).toEqual(["invoice:in_13", "invoice:in_14"]);
  expect(await another).toEqual(["invoice:in_15"]);
  expect(await intake.calm(["invoice:in_13"])).toEqual(["invoice:in_13"]);
});

test("of copies that come at once one is new, and what is ignored wakes nobody", async () => {
  const intake = new Intake(orm.em);
  const twin = event("in_7", "cus_4");
  const ignored = event("in_8", null, { status: "ignored", key: null });
  const answers = await Promise.all([...ahead(), twin, twin, ignored].map((one) => intake.store(one)));
  expect(answers.slice(2)).toEqual([true, false, true]);
  expect(await intake.store(twin)).toBe(false);
  expect(await stored([twin.id, ignored.id])).toHaveLength(2);
  expect((await jobs()).map(({ key }) => key)).toEqual(["inbox:of:cus_4", "inbox:of:cus_ahead"]);
});

test("one that cannot be stored fails alone, and nothing of it is woken", async () => {
  const intake = new Intake(orm.em);
  const bad = event("in_9", "cus_5", { payload: JSON.stringify({ text: "\u0000" }) });
  const good = [event("in_10", "cus_6"), event("in_11", "cus_7")];
  const outcomes = await Promise.allSettled(
    [...ahead(), good[0], bad, good[1]].map((one) => intake.store(one as StoredEvent)),
  );
  expect(outcomes.slice(2).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await stored([bad.id])).toEqual([]);
  expect((await jobs()).map(({ key }) => key)).toEqual([
    "inbox:of:cus_6",
    "inbox:of:cus_7",
    "inbox:of:cus_ahead",
  ]);
});
