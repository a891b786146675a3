import { Client } from "pg";
import { courseId, fill, userId } from "../../bench/access-data.ts";
import { DECISION } from "../../src/services/access-question.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const GRANTS = 5_000;
/** Somebody who has all grants that there are once more. */
const COLLECTOR = "collector";
const RUNS_BEFORE_A_PLAN_STAYS = 6;

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  await fill(client, GRANTS);
  await client.query(`
    insert into user_access (id, user_id, source, source_id, scope, resource_id, starts_at)
    select gen_random_uuid(), '${COLLECTOR}', 'PURCHASE', n, case when n % 2 = 0 then 'COURSE' else 'LEARNING_PATH' end,
           'bought-' || n, now() from generate_series(1, ${GRANTS}) n`);
  await client.query("vacuum (analyze) user_access");
  await client.query(`prepare decision as ${DECISION}`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The plan of the prepared statement, when it has run as often as PostgreSQL needs to make up its mind. */
async function planFor(pairs: number, userOf = (n: number) => userId(1 + (n % 3))): Promise<string> {
  const asked = Array.from({ length: pairs }, (_, n) => [userOf(n), courseId(1 + n)] as const);
  const array = (all: string[]) => `'{${all.join()}}'`;
  const users = [...new Set(asked.map(([user]) => user))];
  const call = `execute decision(${array(users)}, ${array(asked.map(([, course]) => course))}, now())`;
  for (let run = 0; run < RUNS_BEFORE_A_PLAN_STAYS; run++) await client.query(call);
  const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain (analyze, buffers) ${call}`);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

test.each([1, 50])("a decision about %i pairs reads grants from their index alone", async (pairs) => {
  const plan = await planFor(pairs);
  const scans = plan.match(/\w[\w ]*Scan[\w ]* on user_access\b/g) ?? [];
  expect(new Set(scans)).toEqual(new Set(["Index Only Scan using user_access_decision on user_access"]));
  expect(plan).not.toContain("Seq Scan");
  const fetches = [...plan.matchAll(/Heap Fetches: (\d+)/g)].map(([, n]) => n);
  expect(fetches.length).toBeGreaterThanOrEqual(scans.length);
  expect(new Set(fetches)).toEqual(new Set(["0"]));
  // one plan for whatever is asked: none is made anew
  expect(plan).toMatch(/\$\d/);
});

test("of thousands of grants only those are told that may open what is asked for, and they are read twice at most", async () => {
  const plan = await planFor(50, () => COLLECTOR);
  const told = Number(/^Append .*actual time=\S+ rows=(\d+)/m.exec(plan)?.[1]);
  const pages = Number(/Buffers: shared hit=(\d+)/.exec(plan)?.[1]);
  expect(told).toBeLessThanOrEqual(50);
  expect(pages).toBeLessThanOrEqual(250);
});
