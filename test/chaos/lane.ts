// Histories one after the other, in a world and a process of its own: begun by main.ts, which is told how it goes.
import fc from "fast-check";
import { faultsAfter, historyOf, type Step, told } from "./history.ts";
import { World } from "./world.ts";

/** What a lane is asked to do. */
export interface LaneRequest {
  runs: number;
  seed: number;
  path?: string;
  kill: boolean;
  shrink: boolean;
}

/** What it says while it goes on. */
export interface LaneProgress {
  done: number;
  isShortening: boolean;
}

/** What it says at its end. */
export interface LaneResult {
  held: number;
  /** The shortest history after which something does not hold, what that is, and how it is lived through again. */
  failure?: { history: string; faults: string; seed: number; path: string };
  tally: [string, { happened: number; idle: number; refused: number }][];
  spent: [string, number][];
  deaths: { atPoint: number; atOnce: number };
}

/** A failing history is shortened for so long. */
const SHRINK_MS = 120_000;

async function search(world: World, request: LaneRequest): Promise<LaneResult> {
  const { runs, seed, path, kill, shrink } = request;
  let held = 0;
  let shortenUntil: number | undefined;
  const property = fc.asyncProperty(historyOf({ alwaysDies: kill }), async (steps: Step[]) => {
    if (performance.now() > (shortenUntil ?? Number.POSITIVE_INFINITY)) return;
    const faults = await faultsAfter(world, steps);
    if (faults.length > 0) shortenUntil ??= performance.now() + SHRINK_MS;
    else if (shortenUntil === undefined) held += 1;
    process.send?.({ done: held, isShortening: shortenUntil !== undefined } satisfies LaneProgress);
    if (faults.length > 0) throw new Error(faults.join("\n"));
  });
  const result = await fc.check(property, {
    ...{ numRuns: runs, seed, endOnFailure: !shrink },
    ...(path && { path }),
  });
  const [steps] = result.counterexample ?? [];
  const faults = (result.errorInstance as Error | undefined)?.message ?? "";
  return {
    held,
    ...(steps && { failure: { history: told(steps), faults, seed, path: result.counterexamplePath ?? "" } }),
    ...{ tally: [...world.tally], spent: [...world.spent], deaths: world.host.deaths },
  };
}

// a service that was cut off goes on failing at whatever it did; nobody is left to heed it
process.on("unhandledRejection", () => {});
console.trace = () => {};

process.once("message", async (request: LaneRequest) => {
  const world = await World.open({ inProcess: !request.kill });
  // whoever asked is gone
  process.once("disconnect", () => void world.close().finally(() => process.exit(1)));
  const result = await search(world, request).finally(() => world.close());
  process.send?.(result, () => process.exit(0));
});
