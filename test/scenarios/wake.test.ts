import { type Orm, openDatabase, poolOf } from "../../src/database.ts";
import { wake } from "../../src/jobs/wake.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let orm: Orm;
beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const jobs = () =>
  orm.em
    .fork()
    .execute<{ key: string | null; locked_at: string | null }[]>(
      "select key, locked_at from graphile_worker.jobs",
    );

test("wake-ups that have not started are one, and a later one does not put off one for now", async () => {
  const em = orm.em.fork();
  for (let i = 0; i < 3; i++) await wake(em, "outbox", "user-1");
  await wake(em, "outbox", "user-1", 60);
  expect((await jobs()).map(({ key }) => key).sort()).toEqual(["outbox:user-1", "outbox:user-1:later"]);
});

test("a wake-up that meets a job being taken is not lost", async () => {
  await wake(orm.em.fork(), "inbox", "customer:cus_1");
  const taking = await (await poolOf(orm)).connect();
  await taking.query("begin");
  // as a worker does: the job is locked, but nobody sees it yet
  await taking.query(
    "update graphile_worker._private_jobs set locked_at = now(), locked_by = 'w' where key = 'inbox:customer:cus_1'",
  );
  const woken = wake(orm.em.fork(), "inbox", "customer:cus_1");
  await new Promise((resolve) => setTimeout(resolve, 200));
  await taking.query("commit");
  taking.release();
  await woken;
  const about = (await jobs()).filter(
    ({ key, locked_at }) => key === "inbox:customer:cus_1" && locked_at === null,
  );
  expect(about).toHaveLength(1);
});
