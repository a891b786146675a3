// `npm run bench:access`: the questions that other subgraphs ask all the time, beside other servers.
import { deepStrictEqual } from "node:assert";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { Client } from "pg";
import { setupDatabase } from "../src/database.ts";
import { startTestRedis } from "../test/support/redis.ts";
import { fill } from "./access-data.ts";
import { FLOOR, OURS, RIVAL, type Server, startServers } from "./access-servers.ts";
import { type Question, type Workload, workloads } from "./access-workloads.ts";
import { type Load, load } from "./load.ts";
import { installPeers } from "./peers.ts";
import { cpuOf, postgresCpu } from "./processor.ts";
import { atTheEnd, roomyPostgres, toTheEnd } from "./surroundings.ts";

const HELP = `npm run bench:access [-- --seconds 5] [--grants 1000000] [--only warm]

Five servers, each in a process of its own, on one PostgreSQL with a million grants of 200,000 users: this service,
Mercurius with its JIT, GraphQL Yoga, Apollo Server, all three with raw pg, and the floor: node:http with one prepared
statement and JSON.stringify. First each has to give the same answers. Then each is asked over 32 connections by
autocannon, from this process; prints how many answers a second, how long one takes, and processor time of the server
and of PostgreSQL.

  --seconds N  for each server and workload (5), in turns
  --warm-up N  seconds for each server before the turns (5): until V8 has compiled what is asked all the time
  --grants N   how many grants, five of a user (1000000)
  --only TEXT  only the workloads with this in their name
  --help       this text

Cold: each question is about another user and asked once, and Redis is empty at the start. Warm: about the same fifty. The other
servers keep no answers. Installs them into bench/peers when they are not there.`;

const SECRET = "a secret of the benchmarks, long enough for production";
/** How many answers of each workload are compared. */
const CHECKED = 100;
const LONGEST_TURN = 2.5;

interface Figures extends Load {
  cpuSeconds: number;
  postgresSeconds: number;
}
type Table = Map<string, Figures>;

interface Tools {
  seconds: number;
  warmUp: number;
  redis: Redis;
  /** Process of a connection to PostgreSQL. */
  backend: number;
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const progress = (text: string) => process.stderr.isTTY && process.stderr.write(`\r${text.padEnd(90)}\r`);

async function answer({ url, hasRoutes }: Server, { route, body, token }: Question): Promise<unknown> {
  const response = await fetch(url + (hasRoutes ? route : "/graphql"), {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body,
  });
  return response.json();
}

/** @throws AssertionError when two servers do not say the same */
async function checkAnswers(servers: Server[], { name, questions }: Workload): Promise<void> {
  const step = Math.ceil(questions.length / CHECKED);
  for (const question of questions.filter((_, n) => n % step === 0)) {
    const [first, ...others] = await Promise.all(servers.map((server) => answer(server, question)));
    if (!(first as { data?: unknown }).data) throw new Error(`${name}: ${JSON.stringify(first)}`);
    for (const [at, other] of others.entries())
      deepStrictEqual(other, first, `${name}: ${servers[at + 1]?.name} answers otherwise: ${question.body}`);
  }
}

const rotated = <T>(all: T[], by: number) => [
  ...all.slice(by % all.length),
  ...all.slice(0, by % all.length),
];

/**
 * The servers take turns of a few seconds, so that all meet the same machine; the first turn warms up. Cold questions are
 * dealt out to the turns: none is met again.
 */
async function measure(servers: Server[], workload: Workload, tools: Tools): Promise<Table> {
  const { redis, backend, seconds, warmUp } = tools;
  const table: Table = new Map();
  await redis.flushall();
  const turns = Math.ceil(seconds / LONGEST_TURN);
  for (let turn = 0; turn <= turns; turn++) {
    const questions = workload.questions.filter((_, n) => workload.isWarm || n % (turns + 1) === turn);
    // each is first in its turn
    for (const server of rotated(servers, turn)) {
      progress(`${workload.name}, ${turn === 0 ? "warming up" : `${turn} of ${turns}`}: ${server.name}`);
      const [cpu, postgres] = [cpuOf(server.pid), postgresCpu(backend)];
      const got = await load(server, questions, turn === 0 ? warmUp : seconds / turns, !workload.isWarm);
      if (turn === 0) continue;
      const sum = table.get(server.name) ?? { seconds: 0, times: [], cpuSeconds: 0, postgresSeconds: 0 };
      sum.times.push(...got.times);
      sum.seconds += got.seconds;
      sum.cpuSeconds += cpuOf(server.pid) - cpu;
      sum.postgresSeconds += postgresCpu(backend) - postgres;
      table.set(server.name, sum);
    }
  }
  return new Map(servers.map(({ name }) => [name, table.get(name) as Figures]));
}

const rateOf = ({ times, seconds }: Figures) => times.length / seconds;
const cpuEach = ({ times, cpuSeconds }: Figures) => (1e6 * cpuSeconds) / times.length;
const postgresEach = ({ times, postgresSeconds }: Figures) => (1e6 * postgresSeconds) / times.length;

function print({ name }: Workload, table: Table): void {
  const rows = [...table].map(([server, figures]) => {
    const sorted = figures.times.toSorted((left, right) => left - right);
    const at = (part: number) => `${sorted[Math.floor(part * (sorted.length - 1))]?.toFixed(1)} ms`;
    const row = {
      ...{ "answers/s": Math.round(rateOf(figures)), p50: at(0.5), p99: at(0.99) },
      ...{ "cpu / answer": micro(cpuEach(figures)), "PostgreSQL's": micro(postgresEach(figures)) },
      ...Object.fromEntries([RIVAL, FLOOR].map((other) => [`× ${other}`, beside(table, server, other)])),
    };
    return [server, row];
  });
  progress("");
  console.log(`\n${name}`);
  console.table(Object.fromEntries(rows));
}

const micro = (value: number) => `${value.toFixed(0)} µs`;

/** How many times as fast a server is as another. */
function beside(table: Table, server: string, other: string): number {
  const [one, two] = [table.get(server), table.get(other)];
  return one && two ? Number((rateOf(one) / rateOf(two)).toFixed(2)) : Number.NaN;
}

/** How much of the other's processor time, PostgreSQL's included, an answer takes: says more than the rate on a busy machine. */
function cpuBeside(table: Table, server: string, other: string): number {
  const both = [server, other].map((name) => table.get(name) as Figures);
  const [one = 0, two = 0] = both.map((figures) => cpuEach(figures) + postgresEach(figures));
  return Number((one / two).toFixed(2));
}

async function surroundings() {
  const { url: databaseUrl } = await roomyPostgres();
  await setupDatabase(databaseUrl);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  atTheEnd(() => client.end());
  const redisServer = await startTestRedis();
  atTheEnd(() => redisServer.stop());
  const redis = new Redis(redisServer.url);
  atTheEnd(() => redis.disconnect());
  return { databaseUrl, redisUrl: redisServer.url, redis, client };
}

async function main(): Promise<void> {
  installPeers("mercurius");
  const [seconds, warmUp] = [Number(values.seconds), Number(values["warm-up"])];
  const grants = Number(values.grants);
  const { databaseUrl, redisUrl, redis, client } = await surroundings();
  const began = performance.now();
  const filled = await fill(client, grants);
  const took = Math.round((performance.now() - began) / 1_000);
  say(`${grants} grants of ${filled.users} users, filled in ${took} s`);
  const servers = await startServers({ databaseUrl, redisUrl, secret: SECRET });
  const wanted = (await workloads({ secret: SECRET }, filled)).filter(({ name }) =>
    name.includes(values.only),
  );
  for (const workload of wanted) await checkAnswers(servers, workload);
  say("all answers are the same");
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const tools = { seconds, warmUp, redis, backend: rows[0]?.pid as number };
  const ratios: Record<string, object> = {};
  for (const workload of wanted) {
    const table = await measure(servers, workload, tools);
    print(workload, table);
    ratios[workload.name] = Object.fromEntries(
      [RIVAL, FLOOR].flatMap((other) => [
        [`× ${other}`, beside(table, OURS, other)],
        [`cpu × ${other}`, cpuBeside(table, OURS, other)],
      ]),
    );
  }
  console.log(`\n${OURS} beside the two that the aims are about: rate, and all processor time of an answer`);
  console.table(ratios);
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    "warm-up": { type: "string", default: "5" },
    grants: { type: "string", default: "1000000" },
    only: { type: "string", default: "" },
    help: { type: "boolean" },
  },
});
if (values.help) console.log(HELP);
else await toTheEnd(main);
