// `npm run bench:flood`: how many webhooks are acknowledged and applied in a second.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EntityManager } from "@mikro-orm/postgresql";
import { Client } from "pg";
import type Stripe from "stripe";
import { flood } from "../test/support/flood.ts";
import { withNewPostgres } from "../test/support/own-postgres.ts";
import { runToEnd, watch } from "../test/support/processes.ts";
import { type Recorded, recordPayments } from "../test/support/recorded-payments.ts";
import { startService, type TestService, WEBHOOK_SECRET } from "../test/support/service.ts";
import { kill, type SpawnedService, spawnService } from "../test/support/spawn.ts";
import { stripeOf } from "../test/support/stripe.ts";
import type { PaidObjects } from "./reads.ts";

const HELP = `npm run bench:flood [-- --events 20000] [--concurrency 16] [--roles 2]

A flood of signed webhooks, as Stripe sends them when many learners pay at once: sent to the service, then to
@supabase/stripe-sync-engine behind a bare HTTP server, on the same PostgreSQL. Prints for each how many are
acknowledged and applied in a second, how long an acknowledgement takes, processor time and memory, and whether the
second of two events within one second is kept. The last line is a process that only makes the requests to Stripe that
the service makes for these events: no way of applying them is faster here.

  --events N       how many events (20000)
  --concurrency N  how many are under way at once (16)
  --roles N        processes of this service: 1 does everything, of 2 one takes webhooks and one works on them (1)
  --help           this text

The service reads each object from Stripe (the sandbox, in this process); the other takes what the event holds.
Installs the other into bench/peers when it is not there.`;

const PEERS = join(import.meta.dirname, "../../bench/peers");
const TICKS_A_SECOND = 100;

interface Asked {
  /** How many webhooks are under way at once. */
  concurrency: number;
  /** Processes of the service. */
  roles: number;
}

interface Figures {
  ackSeconds: number;
  appliedSeconds: number;
  latencies: number[];
  memoryMb: number;
  /** Of its own process, and of PostgreSQL's meanwhile. */
  cpuSeconds: number;
  postgresSeconds: number;
  keepsSecond: boolean;
}

const onProgress = (name: string, all: number) => (done: number) => {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r${"█".repeat(Math.round((30 * done) / all)).padEnd(30, "░")} ${name}   `);
};
const secondsSince = (moment: number) => (performance.now() - moment) / 1_000;
/** What Linux tells of a process; nothing of one that has ended. */
function proc(pid: number | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
const memoryOf = (pid?: number) => Number(/VmHWM:\s+(\d+)/.exec(proc(pid, "status"))?.[1]) / 1024;

const folders = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name));
const parentOf = (pid: string) => proc(Number(pid), "stat").split(") ")[1]?.split(" ")[1];

/** Seconds that all processes of the PostgreSQL server behind a connection have used, also those that have ended. */
async function postgresCpu(em: EntityManager): Promise<number> {
  const [backend] = await em.execute<{ pid: number }[]>("select pg_backend_pid() as pid");
  const server = parentOf(String(backend?.pid));
  const running = folders().filter((pid) => parentOf(pid) === server);
  const ended = proc(Number(server), "stat").split(") ")[1]?.split(" ").slice(13, 15) ?? [];
  const reaped = ended.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND;
  return running.reduce((sum, pid) => sum + cpuOf(Number(pid)), reaped);
}

/** Seconds of processor time that a process has used. */
function cpuOf(pid?: number): number {
  const fields = proc(pid, "stat").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Its processes, the one that takes webhooks first. */
async function startOurs(env: NodeJS.ProcessEnv, roles: number): Promise<SpawnedService[]> {
  const given = { ...env, STRIPE_REQUESTS_PER_SECOND: "1000" };
  if (roles === 1) return [await spawnService(given)];
  return Promise.all([spawnService(given, { worker: "off" }), spawnService(given, { worker: "only" })]);
}

async function ours(
  { service, events, twoWithinASecond }: Recorded,
  { concurrency, roles }: Asked,
): Promise<Figures> {
  const processes = await startOurs(service.env, roles);
  const cpuOfAll = () => processes.reduce((sum, { child }) => sum + cpuOf(child.pid), 0);
  const target = `${processes[0]?.url}/webhooks/stripe`;
  const em = service.app.parts.orm.em.fork();
  const areThere = async (status: string) => {
    const rows = await em.execute("select 1 from stripe_events where status = ? limit 1", [status]);
    return rows.length > 0;
  };
  const untilApplied = async () => {
    while (await areThere("pending")) await new Promise((resolve) => setTimeout(resolve, 50));
    if (await areThere("failed")) throw new Error("some events could not be applied");
  };
  try {
    const cpuBefore = cpuOfAll();
    const postgresBefore = await postgresCpu(em);
    const began = performance.now();
    const latencies = await flood(target, events, {
      concurrency,
      onProgress: onProgress("this service", events.length),
    });
    const ackSeconds = secondsSince(began);
    await untilApplied();
    const appliedSeconds = secondsSince(began);
    const used = {
      memoryMb: processes.reduce((sum, { child }) => sum + memoryOf(child.pid), 0),
      cpuSeconds: cpuOfAll() - cpuBefore,
      postgresSeconds: (await postgresCpu(em)) - postgresBefore,
    };
    const [first, second] = await twoWithinASecond();
    await flood(target, [first.event, second.event], { concurrency: 1 });
    await untilApplied();
    const [row] = await em.execute<{ email: string }[]>(
      "select email from customers where stripe_customer_id = ?",
      [second.customer],
    );
    return { ackSeconds, appliedSeconds, latencies, ...used, keepsSecond: row?.email === second.email };
  } finally {
    for (const { child } of processes) await kill(child);
  }
}

async function theirs(
  { service, events, twoWithinASecond }: Recorded,
  { concurrency }: Asked,
): Promise<Figures> {
  const url = await peerDatabase();
  const peer = watch(process.execPath, [join(PEERS, "sync-engine.cjs")], {
    env: {
      ...{ PATH: process.env.PATH, DATABASE_URL: url, STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET },
      ...{ STRIPE_SECRET_KEY: "sk_test_suite", STRIPE_API_BASE: service.sandbox.url },
    },
  });
  const { pid } = peer.child;
  const em = service.app.parts.orm.em.fork();
  const client = new Client({ connectionString: url });
  try {
    const [, port] = await peer.until(/ready (\d+)/, 60_000);
    const target = `http://127.0.0.1:${port}/`;
    const cpuBefore = cpuOf(pid);
    const postgresBefore = await postgresCpu(em);
    const began = performance.now();
    const latencies = await flood(target, events, {
      concurrency,
      onProgress: onProgress("stripe-sync-engine", events.length),
    });
    const seconds = secondsSince(began);
    const used = {
      ...{ memoryMb: memoryOf(pid), cpuSeconds: cpuOf(pid) - cpuBefore },
      postgresSeconds: (await postgresCpu(em)) - postgresBefore,
    };
    const [first, second] = await twoWithinASecond();
    await flood(target, [first.event, second.event], { concurrency: 1 });
    await client.connect();
    const { rows } = await client.query("select email from stripe.customers where id = $1", [
      second.customer,
    ]);
    const keepsSecond = rows[0]?.email === second.email;
    return { ackSeconds: seconds, appliedSeconds: seconds, latencies, ...used, keepsSecond };
  } finally {
    await client.end();
    await peer.end("SIGKILL");
  }
}

/** A database of its own on the same server, with the role that its migrations want. */
async function peerDatabase(): Promise<string> {
  const admin = process.env.TEST_DATABASE_ADMIN_URL as string;
  const client = new Client({ connectionString: admin });
  await client.connect();
  const { rows } = await client.query("select 1 from pg_roles where rolname = 'postgres'");
  if (rows.length === 0) await client.query("create role postgres superuser");
  await client.query("create database peer");
  await client.end();
  const url = new URL(admin);
  url.pathname = "/peer";
  return url.href;
}

/** The requests to Stripe that applying needs (rule 2: an event is a hint), made by a process that does nothing else. */
async function readsAlone({ service, events }: Recorded, folder: string) {
  const file = join(folder, "payments.json");
  writeFileSync(file, JSON.stringify(paymentsOf(events)));
  const script = join(import.meta.dirname, "reads.js");
  const { stdout } = await runToEnd(process.execPath, [script, service.sandbox.url, file]);
  const { seconds, cpuSeconds } = JSON.parse(stdout) as { seconds: number; cpuSeconds: number };
  return {
    events: events.length,
    "applied/s": Math.round(events.length / seconds),
    "cpu / 1000 events": inSeconds(cpuSeconds, events.length),
  };
}

function paymentsOf(events: readonly Stripe.Event[]): PaidObjects[] {
  const found = new Map<string, Partial<PaidObjects>>();
  const note = (object: { customer?: unknown }, what: Partial<PaidObjects>) => {
    const customer = String(object.customer);
    found.set(customer, { ...found.get(customer), customer, ...what });
  };
  for (const { type, data } of events) {
    const object = data.object as { id: string; customer?: unknown };
    if (type === "checkout.session.completed") note(object, { session: object.id });
    if (type === "customer.subscription.created") note(object, { subscription: object.id });
    if (type === "invoice.paid") note(object, { invoice: object.id });
    if (type === "payment_intent.succeeded") note(object, { payment: object.id });
  }
  return [...found.values()].filter((one) => Object.keys(one).length === 5) as PaidObjects[];
}

const inSeconds = (seconds: number, events: number) => `${((1_000 * seconds) / events).toFixed(1)} s`;

function row(figures: Figures) {
  const { latencies, ackSeconds, appliedSeconds, memoryMb, keepsSecond } = figures;
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number) => `${sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(1)} ms`;
  return {
    events: latencies.length,
    "acknowledged/s": Math.round(latencies.length / ackSeconds),
    "applied/s": Math.round(latencies.length / appliedSeconds),
    p50: at(0.5),
    p99: at(0.99),
    "cpu / 1000 events": inSeconds(figures.cpuSeconds, latencies.length),
    "PostgreSQL's": inSeconds(figures.postgresSeconds, latencies.length),
    "memory (peak)": `${Math.round(memoryMb)} MB`,
    "second of two in one second": keepsSecond ? "kept" : "lost",
  };
}

/** The sandbox would keep trying to deliver, on the processor time of what is measured. */
async function endDeliveries(service: TestService): Promise<void> {
  const stripe = stripeOf(service);
  for await (const { id } of stripe.webhookEndpoints.list()) await stripe.webhookEndpoints.del(id);
}

async function main({ events, ...asked }: Asked & { events: number }, folder: string): Promise<void> {
  if (!existsSync(join(PEERS, "node_modules")))
    execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
      ...{ cwd: PEERS, stdio: "inherit" },
    });
  const service = await startService({ webhooks: false, env: { WORKER: "off" } });
  await endDeliveries(service);
  const recorded = await recordPayments(service, events, onProgress("payments", events));
  const ourRow = row(await ours(recorded, asked));
  const theirRow = row(await theirs(recorded, asked));
  if (process.stderr.isTTY) process.stderr.write("\n");
  const reads = await readsAlone(recorded, folder);
  console.table({ "this service": ourRow, "stripe-sync-engine": theirRow, "its reads alone": reads });
  await service.stop();
}

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "20000" },
    concurrency: { type: "string", default: "16" },
    roles: { type: "string", default: "1" },
    help: { type: "boolean" },
  },
});
if (values.help) console.log(HELP);
else {
  await withNewPostgres({ durable: true }, (folder) =>
    main(
      { events: Number(values.events), concurrency: Number(values.concurrency), roles: Number(values.roles) },
      folder,
    ),
  );
  process.exit(0);
}
