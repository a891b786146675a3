import { table } from "../../scripts/terminal.ts";
import type { LaneResult } from "./lane.ts";

/** What was asked for, and how long it took. */
export interface Asked {
  runs: number;
  seed: number;
  lanes: number;
  seconds: number;
  kill: boolean;
}

/** The final tables, and each history that failed. */
export function report(results: readonly LaneResult[], asked: Asked): string {
  return [
    happenedTable(results),
    spentTable(results),
    finalTable(results, asked),
    ...failures(results, asked),
  ].join("\n\n");
}

function happenedTable(results: readonly LaneResult[]): string {
  const sums = new Map<string, [happened: number, idle: number, refused: number]>();
  for (const [what, { happened, idle, refused }] of results.flatMap(({ tally }) => tally)) {
    const [a, b, c] = sums.get(what) ?? [0, 0, 0];
    sums.set(what, [a + happened, b + idle, c + refused]);
  }
  const rows = [...sums].sort(([left], [right]) => (left < right ? -1 : 1));
  return table(
    ["step", "happened", "idle", "refused"],
    rows.map(([what, counts]) => [what, ...counts]),
  );
}

function spentTable(results: readonly LaneResult[]): string {
  const sums = new Map<string, number>();
  for (const [part, ms] of results.flatMap(({ spent }) => spent)) sums.set(part, (sums.get(part) ?? 0) + ms);
  const all = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  return table(
    ["time of all lanes", "seconds", "%"],
    [...sums].map(([part, ms]) => [part, Math.round(ms / 1_000), Math.round((100 * ms) / all)]),
  );
}

function finalTable(results: readonly LaneResult[], { runs, seed, lanes, seconds, kill }: Asked): string {
  const sum = (of: (result: LaneResult) => number) => results.reduce((total, one) => total + of(one), 0);
  const held = sum((result) => result.held);
  const row = {
    ...{ seed, lanes, histories: runs, held, failed: sum(({ failure }) => Number(failure !== undefined)) },
    [kill ? "kill -9 at a point" : "cut off at a point"]: sum(({ deaths }) => deaths.atPoint),
    [kill ? "kill -9 at once" : "cut off at once"]: sum(({ deaths }) => deaths.atOnce),
    ...{ seconds: Math.round(seconds), "a second": Number((held / seconds).toFixed(2)) },
  };
  return table(Object.keys(row), [Object.values(row)]);
}

function failures(results: readonly LaneResult[], { kill }: Asked): string[] {
  return results.flatMap(({ failure }) => {
    if (!failure) return [];
    const { history, faults, seed, path } = failure;
    const again = `npm run chaos -- --runs 1 --seed ${seed} --path ${path}${kill ? " --kill" : ""}`;
    return [`A history after which something does not hold:\n\n${history}\n\n${faults}\n\nAgain: ${again}`];
  });
}
