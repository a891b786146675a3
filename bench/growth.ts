// `npm run bench:growth`: what the decision costs as grants become more.
import { parseArgs } from "node:util";
import { Client } from "pg";
import { type Orm, openDatabase, setupDatabase } from "../src/database.ts";
import { type AccessQuestion, DECISION, decideAll } from "../src/services/access-question.ts";
import { COURSES, courseId, fillCatalogue, fillGrants, userId, withoutIndexes } from "./access-data.ts";
import { scheduledCpu } from "./processor.ts";
import { atTheEnd, roomyPostgres, toTheEnd } from "./surroundings.ts";

const HELP = `npm run bench:growth [-- --sizes 10000,1000000,10000000] [--calls 3000] [--explain]

The statement that decides about access, as the service runs it, over tables of several sizes on one PostgreSQL: median
and 99th percentile of a call for random users, of one pair and of fifty of one user, and the processor time that
PostgreSQL takes for it. The sizes take turns, so that all meet the same machine. Says which plan PostgreSQL keeps to.

  --sizes N,N  how many grants, five of a user (10000,1000000,10000000; the last takes some 4 GB of disk for a while)
  --calls N    for each size and number of pairs (3000)
  --explain    the whole plan of each
  --help       this text`;

const PAIRS = [1, 50] as const;
const CALLS_A_TURN = 100;

interface Sized {
  grants: number;
  users: number;
  fillSeconds: number;
  client: Client;
  orm: Orm;
  /** By the number of pairs: how many milliseconds each call took, and microseconds of PostgreSQL. */
  calls: Map<number, { times: number[]; cpu: number }>;
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const seconds = (since: number) => (performance.now() - since) / 1_000;

async function filled(adminUrl: string, grants: number): Promise<Sized> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database growth_${grants}`);
  await admin.end();
  const url = new URL(adminUrl);
  url.pathname = `/growth_${grants}`;
  await setupDatabase(url.href);
  const client = new Client({ connectionString: url.href });
  await client.connect();
  atTheEnd(() => client.end());
  const began = performance.now();
  await client.query("set maintenance_work_mem = '1GB'");
  await fillCatalogue(client);
  const users = await withoutIndexes(client, "user_access", () => fillGrants(client, grants));
  await client.query("vacuum (analyze)");
  const fillSeconds = seconds(began);
  // all of the index into memory, where a server that answers all the time has it
  await client.query("set enable_seqscan = off");
  await client.query("select count(distinct user_id) from user_access where revoked_at is null");
  const orm = await openDatabase(url.href);
  atTheEnd(() => orm.close(true));
  const calls = new Map(PAIRS.map((pairs) => [pairs as number, { times: [] as number[], cpu: 0 }]));
  return { grants, users, fillSeconds, client, orm, calls };
}

/** The same numbers in each run. */
function randomly(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
const random = randomly(7);

function questions(users: number, pairs: number): AccessQuestion[] {
  const [user, course] = [1 + random(users), random(COURSES)];
  return Array.from({ length: pairs }, (_, n) => ({
    ...{ userId: userId(user), resourceType: "COURSE" as const },
    resourceId: courseId(1 + ((course + n) % COURSES)),
  }));
}

async function turn({ users, orm, calls }: Sized, pairs: number, isWarmUp: boolean): Promise<void> {
  const em = orm.em.fork();
  const [backend] = await em.execute<{ pid: number }[]>("select pg_backend_pid() as pid");
  const pid = backend?.pid as number;
  const times: number[] = [];
  const before = scheduledCpu(pid);
  for (let call = 0; call < CALLS_A_TURN; call++) {
    const asked = questions(users, pairs);
    const began = performance.now();
    await decideAll(em, asked, new Date());
    times.push(performance.now() - began);
  }
  const sum = calls.get(pairs);
  if (!sum || isWarmUp) return;
  sum.times.push(...times);
  sum.cpu += scheduledCpu(pid) - before;
}

/** The plan that PostgreSQL keeps for the prepared statement. */
async function planOf({ client, users }: Sized): Promise<string> {
  await client.query("reset enable_seqscan");
  await client.query("set plan_cache_mode = force_generic_plan");
  await client.query(`prepare decision as ${DECISION}`);
  const asked = questions(users, 50);
  const user = asked[0]?.userId as string;
  const { rows } = await client.query<{ "QUERY PLAN": string }>(
    `explain (analyze, buffers)
     execute decision('{${user}}', '{${asked.map(({ resourceId }) => resourceId).join()}}', now())`,
  );
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

function inWords(plan: string): string {
  const scans = [...plan.matchAll(/(\w[\w ]*) Scan(?: using \w+)? on user_access/g)].map(([, kind]) => kind);
  const fetches = [...plan.matchAll(/Heap Fetches: (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
  return `${[...new Set(scans)].join(", ")}; ${fetches} heap fetches`;
}

const at = (times: number[], part: number) =>
  times.toSorted((left, right) => left - right)[Math.floor(part * (times.length - 1))] ?? Number.NaN;

function row(sized: Sized, plan: string) {
  const figures = [...sized.calls].flatMap(([pairs, { times, cpu }]) => [
    [`${pairs}: median`, `${(1e3 * at(times, 0.5)).toFixed(0)} µs`],
    [`${pairs}: p99`, `${(1e3 * at(times, 0.99)).toFixed(0)} µs`],
    [`${pairs}: PostgreSQL's`, `${(cpu / times.length).toFixed(0)} µs`],
  ]);
  return {
    fill: `${sized.fillSeconds.toFixed(0)} s`,
    ...Object.fromEntries(figures),
    user_access: inWords(plan),
  };
}

async function main(): Promise<void> {
  const { adminUrl } = await roomyPostgres();
  const all: Sized[] = [];
  for (const grants of values.sizes.split(",").map(Number)) {
    const sized = await filled(adminUrl, grants);
    all.push(sized);
    say(`${grants} grants of ${sized.users} users, filled in ${sized.fillSeconds.toFixed(0)} s`);
  }
  for (let call = -CALLS_A_TURN; call < Number(values.calls); call += CALLS_A_TURN)
    for (const pairs of PAIRS) for (const sized of all) await turn(sized, pairs, call < 0);
  const plans = new Map<Sized, string>();
  for (const sized of all) plans.set(sized, await planOf(sized));
  if (values.explain) for (const [{ grants }, plan] of plans) console.log(`\n${grants} grants\n${plan}`);
  console.table(Object.fromEntries([...plans].map(([sized, plan]) => [sized.grants, row(sized, plan)])));
  for (const pairs of PAIRS) {
    const medians = all.map(({ calls }) => at(calls.get(pairs)?.times ?? [], 0.5));
    const ratio = (medians.at(-1) as number) / (medians[0] as number);
    console.log(
      `${pairs} ${pairs === 1 ? "pair" : "pairs"}: the median of the last is ${ratio.toFixed(2)}× the first's`,
    );
  }
}

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "10000,1000000,10000000" },
    calls: { type: "string", default: "3000" },
    explain: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) console.log(HELP);
else await toTheEnd(main);
