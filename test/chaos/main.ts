// `npm run chaos`: random histories, any number of them.
import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Progress } from "../../scripts/terminal.ts";
import { withPostgres } from "../support/own-postgres.ts";
import type { LaneProgress, LaneRequest, LaneResult } from "./lane.ts";
import { report } from "./report.ts";

const HELP = `npm run chaos [-- --runs 200] [--seed N] [--lanes N] [--path P] [--kill] [--no-shrink]

Draws histories of several learners over simulated months: subscribing, paying, declines, renewals, plan changes,
cancels, refunds, disputes, cards, the portal; lives through each while webhooks are dropped, repeated, delayed and
shuffled, calls to Stripe fail before and after their effect, Redis goes away and processes die; and holds what is
left against what Stripe says. A history that fails is made as short as possible and printed.

  --runs N     how many histories (200)
  --seed N     the same seed and lanes draw the same histories (a random one, printed)
  --lanes N    so many at a time, each in a process of its own (one for each core, at most 4)
  --path P     one history of a seed again, as a failure prints it
  --kill       the service is a process of its own, ended by kill -9 at least once in each history; without it it is
               cut off from everything within the process that lives through the histories
  --no-shrink  a history that fails is printed as it was drawn
  --help       this text

Needs redis-server; starts a PostgreSQL of its own unless TEST_DATABASE_ADMIN_URL names one.`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    lanes: { type: "string", default: String(Math.min(4, availableParallelism())) },
    path: { type: "string" },
    kill: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const LANE = join(import.meta.dirname, "lane.js");
const runs = Number(values.runs);
const lanes = values.path ? 1 : Math.min(runs, Number(values.lanes));

/** What lane n of all has to do: its share, from a seed of its own. */
const requestOf = (lane: number): LaneRequest => ({
  runs: Math.floor(runs / lanes) + (lane < runs % lanes ? 1 : 0),
  seed: Number(values.seed) + lane,
  ...(values.path && { path: values.path }),
  ...{ kill: values.kill, shrink: !values["no-shrink"] },
});

/** @throws Error when the lane ends without a result */
async function runLane(request: LaneRequest, onProgress: (progress: LaneProgress) => void) {
  const child = fork(LANE);
  let result: LaneResult | undefined;
  child.on("message", (message: LaneProgress | LaneResult) => {
    if ("done" in message) onProgress(message);
    else result = message;
  });
  child.send(request);
  const [code] = await once(child, "exit");
  if (!result) throw new Error(`a lane ended (${code}) before its histories did`);
  return result;
}

/** Whether all of them hold. */
async function search(): Promise<boolean> {
  const began = performance.now();
  const bar = new Progress("histories");
  const stand = new Map<number, LaneProgress>();
  const show = () => {
    const all = [...stand.values()];
    const done = all.reduce((sum, lane) => sum + lane.done, 0);
    const seconds = (performance.now() - began) / 1_000;
    const state = all.some(({ isShortening }) => isShortening) ? "one failed, shortening it" : "";
    bar.show(done, runs, state || `${(done / seconds).toFixed(1)} a second`);
  };
  const results = await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      runLane(requestOf(lane), (progress) => {
        stand.set(lane, progress);
        show();
      }),
    ),
  );
  bar.end();
  const seconds = (performance.now() - began) / 1_000;
  console.log(report(results, { runs, seed: Number(values.seed), lanes, seconds, kill: values.kill }));
  return results.every(({ failure }) => !failure);
}

if (values.help) console.log(HELP);
else process.exitCode = (await withPostgres(search)) ? 0 : 1;
