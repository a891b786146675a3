// `npm run fuzz`: spoilt requests, any number of them.
import { parseArgs } from "node:util";
import { Progress, table } from "../../scripts/terminal.ts";
import { withPostgres } from "../support/own-postgres.ts";
import { KINDS } from "./requests.ts";
import { fuzz, type Outcome } from "./run.ts";

const HELP = `npm run fuzz [-- --requests 10000] [--seed N] [--only N]

Takes good requests (GraphQL, REST, webhooks, WebSocket messages), spoils them (bytes, JSON, text, headers, tokens, signatures,
frames), sends them to a service of its own, and holds against it every 5xx that is not documented, every stack trace, every
line of the log that is an error, every rejection that nobody heeds, every request that is never answered, and every row that
nobody might change. Prints how requests ended, and the memory that is held after each half.

  --requests N  how many (10000)
  --seed N      the same seed makes the same requests (a random one, printed)
  --only N      one request of a seed again, by its number
  --help        this text

Needs redis-server; starts a PostgreSQL of its own unless TEST_DATABASE_ADMIN_URL names one.`;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "10000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** How much more may be held after the last half than after the first. */
const MOST_GROWTH = 1.1;
const FEWEST_FOR_MEMORY = 10_000;

async function main(): Promise<boolean> {
  const [requests, seed] = [Number(values.requests), Number(values.seed)];
  const began = performance.now();
  const bar = new Progress("requests");
  const outcome = await fuzz({
    ...{ requests, seed, weighs: true },
    ...(values.only !== undefined && { only: Number(values.only) }),
    onProgress: (done, faults) => bar.show(done, requests, faults > 0 ? `${faults} faults` : ""),
  });
  bar.end();
  const seconds = (performance.now() - began) / 1_000;
  console.log(`seed ${seed}, ${requests} requests, ${seconds.toFixed(0)} s\n`);
  console.log(table(["request", "ended", "times"], rowsOf(outcome)));
  for (const { at, kind, what } of outcome.faults.slice(0, 20)) console.log(`\n#${at} ${kind}: ${what}`);
  console.log(`\n${outcome.faults.length} faults`);
  return memoryHolds(outcome, requests) && outcome.faults.length === 0;
}

function rowsOf({ ends }: Outcome): (string | number)[][] {
  return KINDS.flatMap((kind) =>
    [...(ends.get(kind) ?? [])].sort(([, a], [, b]) => b - a).map(([end, times]) => [kind, end, times]),
  );
}

/** Prints what is held; too few requests tell nothing of it. */
function memoryHolds({ memory: [first, last] }: Outcome, requests: number): boolean {
  if (values.only !== undefined) return true;
  const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  const growth = last / first;
  console.log(
    `held after the first half ${megabytes(first)}, after the last ${megabytes(last)}: × ${growth.toFixed(3)}`,
  );
  return growth <= MOST_GROWTH || requests < FEWEST_FOR_MEMORY;
}

if (values.help) console.log(HELP);
else process.exitCode = (await withPostgres(main)) ? 0 : 1;
