import { Redis } from "ioredis";
import { v7 } from "uuid";
import { type Orm, openDatabase } from "../../src/database.ts";
import { LearningPathCourse, Offer } from "../../src/entities/offer.ts";
import { UserAccess } from "../../src/entities/user-access.ts";
import { DecisionStore } from "../../src/events/decision-store.ts";
import { createLogger } from "../../src/logger.ts";
import { Metrics } from "../../src/metrics.ts";
import { prepared } from "../../src/prepared.ts";
import { AccessService } from "../../src/services/access.service.ts";
import { type AccessQuestion, DECISION } from "../../src/services/access-question.ts";
import { DecisionCache } from "../../src/services/decision-cache.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startTestRedis, type TestRedis } from "../support/redis.ts";
import { statementsOf } from "../support/statements.ts";

const NOW = new Date("2026-03-10T12:00:00Z");
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const DAY = 86_400;
const clock = { now: () => NOW, stop: () => {} };

let database: TestDatabase;
let orm: Orm;
let access: AccessService;
let redis: TestRedis;
let connection: Redis;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
  redis = await startTestRedis();
  connection = new Redis(redis.url);
  const cache = new DecisionCache(
    new DecisionStore(connection, connection),
    clock,
    new Metrics(),
    createLogger("silent"),
  );
  access = new AccessService(orm.em, clock, 7, cache);
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
  await orm.close(true);
  await database.drop();
});

/** A user with these grants; each opens the platform for thirty days unless it says otherwise. */
async function userWith(...grants: Partial<UserAccess>[]): Promise<string> {
  const userId = `user-${v7()}`;
  const em = orm.em.fork();
  for (const grant of grants)
    em.persist(
      Object.assign(new UserAccess(), {
        ...{ userId, source: "SUBSCRIPTION", sourceId: v7(), scope: "PLATFORM", resourceId: null },
        ...{ startsAt: at(-DAY), expiresAt: at(30 * DAY) },
        ...grant,
      }),
    );
  await em.flush();
  return userId;
}

async function offer(
  resourceId: string,
  isStandard: boolean,
  resourceType: Offer["resourceType"] = "COURSE",
) {
  const em = orm.em.fork();
  const price = { title: resourceId, amountMinor: 4_900, currency: "USD" };
  em.persist(Object.assign(new Offer(), { resourceType, resourceId, isStandard, ...price }));
  await em.flush();
}

async function addToPath(pathId: string, courseId: string) {
  const em = orm.em.fork();
  em.persist(Object.assign(new LearningPathCourse(), { pathId, courseId, position: 1 }));
  await em.flush();
}

const course = (userId: string, resourceId: string): AccessQuestion => ({
  userId,
  resourceType: "COURSE",
  resourceId,
});
const path = (userId: string, resourceId: string): AccessQuestion => ({
  ...{ userId, resourceType: "LEARNING_PATH", resourceId },
});
const granted = async (...questions: AccessQuestion[]) =>
  (await access.decide(questions)).map((decision) => decision.granted);

test("a platform grant opens what is standard: what has no offer, and what is offered as such", async () => {
  await offer("standard-course", true);
  await offer("standard-path", true, "LEARNING_PATH");
  const user = await userWith({});
  expect(
    await granted(course(user, "any"), course(user, "standard-course"), path(user, "standard-path")),
  ).toEqual([...[true, true, true]]);
});

test("a platform grant does not open what is not standard, and an offer counts for its own type only", async () => {
  await offer("master-class", false);
  const user = await userWith({});
  expect(await granted(course(user, "master-class"), path(user, "master-class"))).toEqual([false, true]);
});

test("a grant of a course opens that course and no other, standard or not", async () => {
  await offer("bought-class", false);
  const user = await userWith({
    source: "PURCHASE",
    scope: "COURSE",
    resourceId: "bought-class",
    expiresAt: null,
  });
  expect(
    await granted(course(user, "bought-class"), course(user, "other"), path(user, "bought-class")),
  ).toEqual([...[true, false, false]]);
});

test("a grant of a path opens the path and its courses, one that is added later too", async () => {
  await addToPath("path-1", "path-course-1");
  await offer("path-course-1", false);
  const user = await userWith({
    source: "PURCHASE",
    scope: "LEARNING_PATH",
    resourceId: "path-1",
    expiresAt: null,
  });
  const questions = [path(user, "path-1"), course(user, "path-course-1"), course(user, "path-course-2")];
  expect(await granted(...questions)).toEqual([true, true, false]);
  await addToPath("path-1", "path-course-2");
  expect(await granted(...questions)).toEqual([true, true, true]);
  expect(await granted(path(user, "path-course-1"), course(user, "path-1"))).toEqual([false, false]);
});

test("a grant of a course does not open the path that it is in", async () => {
  await addToPath("path-2", "path-2-course");
  const user = await userWith({ scope: "COURSE", resourceId: "path-2-course" });
  expect(await granted(path(user, "path-2"), course(user, "path-2-course"))).toEqual([false, true]);
});

test.each<[name: string, grant: Partial<UserAccess>, opens: boolean]>([
  ["starts this very moment", { startsAt: NOW }, true],
  ["starts in a second", { startsAt: at(1) }, false],
  ["lasts one second more", { expiresAt: at(1) }, true],
  ["ends this very moment", { expiresAt: NOW }, false],
  ["ended a second ago", { expiresAt: at(-1) }, false],
  ["never ends", { expiresAt: null }, true],
  ["was revoked", { expiresAt: null, revokedAt: at(-1) }, false],
])("a grant that %s decides accordingly, by the question and by the list", async (_name, grant, opens) => {
  const user = await userWith(grant);
  expect(await granted(course(user, "any"))).toEqual([opens]);
  expect(await access.grantsOf([user])).toHaveLength(opens ? 1 : 0);
  expect(await access.grantsOf([user], true)).toHaveLength(1);
});

test("of several grants the one that lasts longest answers", async () => {
  const user = await userWith(
    { source: "TRIAL", expiresAt: at(3 * DAY) },
    { source: "GIFT", expiresAt: at(9 * DAY) },
    { source: "PROMOTION", expiresAt: at(90 * DAY), revokedAt: at(-1) },
    { source: "PURCHASE", scope: "COURSE", resourceId: "own-course", expiresAt: null },
  );
  expect(await access.decide([course(user, "any"), course(user, "own-course")])).toEqual([
    { granted: true, source: "GIFT", expiresAt: at(9 * DAY), changesAt: at(9 * DAY) },
    { granted: true, source: "PURCHASE", expiresAt: null, changesAt: null },
  ]);
});

test("of equally long ones the one of less answers, then the one that began later, whatever the order of rows", async () => {
  await addToPath("tie-path", "tie");
  const ends = { expiresAt: null };
  const ofCourse = { ...ends, source: "PURCHASE", scope: "COURSE", resourceId: "tie" } as const;
  const ofPath = { ...ends, source: "SEAT", scope: "LEARNING_PATH", resourceId: "tie-path" } as const;
  const ties: [Partial<UserAccess>[], string][] = [
    [[{ ...ends, source: "GIFT" }, ofPath, ofCourse], "PURCHASE"],
    [[{ ...ends, source: "GIFT", startsAt: at(-1) }, ofPath], "SEAT"],
    [
      [
        { ...ofCourse, startsAt: at(-2) },
        { ...ofCourse, source: "GIFT", startsAt: at(-1) },
      ],
      "GIFT",
    ],
    [[ofCourse, { ...ofCourse, source: "PROMOTION" }], "PROMOTION"],
  ];
  for (const [grants, source] of ties)
    for (const all of [grants, grants.toReversed()]) {
      const user = await userWith(...all);
      expect((await access.decide([course(user, "tie")]))[0]?.source).toBe(source);
    }
});

test("the end of a grant is answered to the microsecond's second, in any time zone of the database", async () => {
  const user = await userWith({ expiresAt: at(90) });
  expect((await access.decide([course(user, "any")]))[0]?.expiresAt).toEqual(at(90));
});

test("who has no grant is refused, and nobody gets another's", async () => {
  const user = await userWith({});
  expect(await access.decide([course("stranger", "any"), course(user, "any"), course("", "any")])).toEqual([
    { granted: false, source: null, expiresAt: null, changesAt: null },
    expect.objectContaining({ granted: true }),
    { granted: false, source: null, expiresAt: null, changesAt: null },
  ]);
  expect(await granted(course("' or true --", "any"), course(`${user}%`, "any"))).toEqual([false, false]);
});

test("the same question twice is answered twice, and none with nothing", async () => {
  const user = await userWith({});
  expect(await granted(course(user, "a"), course(user, "a"))).toEqual([true, true]);
  expect(await granted()).toEqual([]);
});

test("any number of questions is one statement", async () => {
  const users = await Promise.all([userWith({}), userWith({}), userWith()]);
  const questions = Array.from({ length: 300 }, (_, at) => course(users[at % 3] as string, `course-${at}`));
  let answers: boolean[] = [];
  const statements = await statementsOf(orm, async () => {
    answers = await granted(...questions);
  });
  expect(statements).toBe(1);
  expect(answers).toEqual(questions.map((_, at) => at % 3 !== 2));
});

test("with thousands of grants, offers and paths the question is answered by indexes alone", async () => {
  const em = orm.em.fork();
  await em.execute(`insert into user_access (id, user_id, source, source_id, scope, resource_id, starts_at, expires_at)
    select gen_random_uuid(), 'many-' || (n % 2000), 'PURCHASE', n::text, 'COURSE', 'course-' || n, now(), null
      from generate_series(1, 10000) n
    union all select gen_random_uuid(), 'many-' || n, 'SUBSCRIPTION', 's' || n, 'PLATFORM', null, now(), now() + interval '1 day'
      from generate_series(1, 2000) n`);
  await em.execute(`insert into offers (resource_type, resource_id, title, amount_minor, currency, is_standard, created_at)
    select 'COURSE', 'course-' || n, 'x', 100, 'USD', n % 2 = 0, now() from generate_series(1, 5000) n`);
  await em.execute(`insert into learning_path_courses (path_id, course_id, position)
    select 'path-' || (n % 500), 'course-' || n, n from generate_series(1, 5000) n`);
  // vacuum makes index-only scans possible; it cannot run inside a transaction
  for (const table of ["user_access", "offers", "learning_path_courses"])
    await em.execute(`vacuum analyze ${table}`);

  const plan = await planOf(Array.from({ length: 20 }, (_, n) => course(`many-${n}`, `course-${n}`)));
  const scans = plan.filter(
    (line) => /Scan/.test(line) && !/Function Scan|Subquery Scan|CTE Scan/.test(line),
  );
  expect(scans.filter((line) => /Seq Scan/.test(line))).toEqual([]);
  expect(scans.filter((line) => /user_access_decision/.test(line)).length).toBeGreaterThanOrEqual(2);
  expect(scans.filter((line) => /user_access/.test(line) && !/Index Only Scan/.test(line))).toEqual([]);
});

test.each<[name: string, grants: Partial<UserAccess>[], changesAt: Date | null]>([
  ["nothing", [], null],
  ["one that has ended", [{ expiresAt: at(-1) }], null],
  ["one that begins later", [{ startsAt: at(60) }], at(60)],
  ["one that ends", [{ expiresAt: at(90) }], at(90)],
  ["one that lasts longer than it", [{ expiresAt: at(90) }, { expiresAt: at(100) }], at(100)],
  ["another that begins before it ends", [{ expiresAt: at(90) }, { startsAt: at(60) }], at(60)],
  ["one for good", [{ expiresAt: null }], null],
])("with %s a decision says when time alone may change it", async (_name, grants, changesAt) => {
  const user = await userWith(...grants);
  expect((await access.decide([course(user, "any")]))[0]?.changesAt).toEqual(changesAt);
});

/** The plan of the statement that `decide` sends, as PostgreSQL explains it. */
async function planOf(questions: AccessQuestion[]): Promise<string[]> {
  const rows = await prepared<{ "QUERY PLAN": string }>(orm.em.fork(), `explain ${DECISION}`, [
    ...[questions.map(({ userId }) => userId), questions.map(({ resourceId }) => resourceId), NOW],
  ]);
  return rows.map((row) => row["QUERY PLAN"]);
}
