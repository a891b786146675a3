// `npm run bench:clients`: thousands of live clients on one process, beside a bare server.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { Client } from "pg";
import { signToken } from "../src/auth/token.ts";
import { setupDatabase } from "../src/database.ts";
import { userChannel } from "../src/events/redis.ts";
import { startTestRedis } from "../test/support/redis.ts";
import { eventually } from "../test/support/service.ts";
import { OURS, type Server, type Surroundings, startOurs, startPeer } from "./access-servers.ts";
import { type Clients, connect } from "./live-load.ts";
import { installPeers } from "./peers.ts";
import { cpuOf } from "./processor.ts";
import { atTheEnd, roomyPostgres, toTheEnd } from "./surroundings.ts";

const HELP = `npm run bench:clients [-- --clients 5000] [--rounds 5]

Two servers, one after the other, each in a process of its own: this service, and the least there can be, graphql-ws and
ioredis, which sends on what is published and knows nothing else. To each, thousands of clients connect by WebSocket, each
another user with one live subscription (paymentEvents). Then something happens to one of them, a hundred times, and to
all of them at once; prints how long it takes from the publication on Redis to the last delivery, the memory that a client
takes (RSS), and the processor time of a delivery. What happens is a row of the outbox first, which this service reads.

  --clients N  how many (5000)
  --rounds N   how often something happens to all (5)
  --help       this text

Installs the other server's packages into bench/peers when they are not there.`;

const SECRET = "a secret of the benchmarks, long enough for production";
const BARE = "graphql-ws + ioredis";
const SINGLE = 100;

interface Stage {
  users: string[];
  tokens: string[];
  redis: Redis;
  client: Client;
}
interface Happening {
  users: readonly string[];
  ids: readonly string[];
}

const progress = (text: string) =>
  process.stderr.write(process.stderr.isTTY ? `\r${text.padEnd(78)}` : `${text}\n`);
const memoryOf = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
const median = (samples: number[]) => samples.toSorted((a, b) => a - b)[samples.length >> 1] as number;

/** Written first, as the service does, and told of afterwards. */
async function write({ client }: Stage, users: readonly string[]): Promise<Happening> {
  const ids = users.map(() => randomUUID());
  await client.query(
    `insert into outbox (id, user_id, sequence, type, data, occurred_at, sent_at, next_try_at)
     select id, who, 1 + coalesce((select max(sequence) from outbox where user_id = who), 0),
       'payment.succeeded', '{}', now(), now(), now()
     from unnest($1::uuid[], $2::text[]) as news (id, who)`,
    [ids, users],
  );
  return { users, ids };
}

/** Milliseconds from the first publication to the last delivery. */
async function publish({ redis }: Stage, clients: Clients, { users, ids }: Happening): Promise<number> {
  const last = clients.delivered(users.length);
  const began = performance.now();
  const messages = redis.pipeline();
  for (const [at, userId] of users.entries())
    messages.publish(userChannel(userId), JSON.stringify({ id: ids[at], type: "PAYMENT_SUCCEEDED" }));
  await messages.exec();
  return (await last) - began;
}

/** Until all are listened to, and the server has nothing more to do. */
async function quiet({ redis, users }: Stage, { pid }: Server): Promise<void> {
  await eventually(
    async () => ((await redis.pubsub("CHANNELS", userChannel("*"))) as string[]).length,
    (count) => count === users.length,
    120_000,
    200,
  );
  let before = cpuOf(pid);
  await eventually(
    () => {
      const used = cpuOf(pid) - before;
      before += used;
      return used;
    },
    (used) => used <= 0.02,
    120_000,
    500,
  );
}

async function measure(stage: Stage, server: Server, rounds: number): Promise<Record<string, string>> {
  const { users, tokens } = stage;
  const own = users.map(() => new Set<string>());
  const places = new Map(users.map((userId, at) => [userId, at]));
  const happens = async (whom: readonly string[]) => {
    const happening = await write(stage, whom);
    for (const [at, userId] of whom.entries())
      own[places.get(userId) as number]?.add(happening.ids[at] as string);
    return happening;
  };
  const before = memoryOf(server.pid);
  const clients = await connect(
    server.url,
    tokens,
    (client, id) => own[client]?.delete(id) ?? false,
    (count) => count % 500 === 0 && progress(`${server.name}: ${count} connected`),
  );
  await quiet(stage, server);
  const memory = (memoryOf(server.pid) - before) / users.length;
  const singles: number[] = [];
  for (let at = 0; at < SINGLE; at++) {
    const userId = users[(at * 37) % users.length] as string;
    singles.push(await publish(stage, clients, await happens([userId])));
  }
  const [bursts, cpu]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const happening = await happens(users);
    const used = cpuOf(server.pid);
    bursts.push(await publish(stage, clients, happening));
    cpu.push(((cpuOf(server.pid) - used) * 1e6) / users.length);
    progress(`${server.name}: told all ${users.length}, ${round + 1} of ${rounds}`);
  }
  clients.check();
  clients.close();
  return {
    server: server.name,
    "memory a client": `${memory.toFixed(1)} kB`,
    "one: p50": `${median(singles).toFixed(1)} ms`,
    "one: max": `${Math.max(...singles).toFixed(1)} ms`,
    "all, to the last": `${median(bursts).toFixed(0)} ms`,
    "cpu a delivery": `${median(cpu).toFixed(0)} µs`,
  };
}

async function main(): Promise<void> {
  installPeers("graphql-ws");
  const [count, rounds] = [Number(values.clients), Number(values.rounds)];
  const { url: databaseUrl } = await roomyPostgres();
  await setupDatabase(databaseUrl);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  atTheEnd(() => client.end());
  const redisServer = await startTestRedis();
  atTheEnd(() => redisServer.stop());
  const redis = new Redis(redisServer.url);
  atTheEnd(() => redis.disconnect());
  const users = Array.from({ length: count }, (_, at) => `user-${at}`);
  const tokens = await Promise.all(users.map((sub) => signToken({ secret: SECRET }, { sub })));
  const around: Surroundings = { databaseUrl, redisUrl: redisServer.url, secret: SECRET };
  const rows: Record<string, string>[] = [];
  for (const start of [() => startOurs(around), () => startPeer(BARE, "live.mjs", around)]) {
    const server = await start();
    atTheEnd(server.stop);
    rows.push(await measure({ users, tokens, redis, client }, server, rounds));
    await server.stop();
  }
  progress("");
  console.log(`${count} clients of ${OURS} and of ${BARE}`);
  console.table(rows);
}

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "5000" },
    rounds: { type: "string", default: "5" },
    help: { type: "boolean" },
  },
});
if (values.help) console.log(HELP);
else await toTheEnd(main);
