import { Client } from "pg";
import { courseId, fill, userId } from "../../bench/access-data.ts";
import { DECISION } from "../../src/services/access-question.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const GRANTS = 5_000;
const RUNS_BEFORE_A_PLAN_STAYS = 6;

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
  await fill(client, GRANTS);
  await client.query(`prepare decision as ${DECISION}`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The plan of the prepared statement, when it has run as often as PostgreSQL needs to make up its mind. */
async function planFor(pairs: number): Promise<string> {
  const asked = Array.from({ length: pairs }, (_, n) => [userId(1 + (n % 3)), courseId(1 + n)] as const);
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
