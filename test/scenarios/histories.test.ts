import { join } from "node:path";
import { runToEnd } from "../support/processes.ts";
import { DIST } from "../support/root.ts";

const SCRIPT = join(DIST, "test/chaos/main.js");
/** The same histories in every run of the suite; `npm run chaos` draws others, as many as wanted. */
const SEED = "20261125";
const WITHIN_MS = 600_000;

/** Runs the script. When a history fails, its output is the failure's message. */
async function live(...args: string[]) {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [SCRIPT, "--seed", SEED, ...args]);
  const about = stdout.indexOf("A history after which");
  const row = new RegExp(`^ *${SEED} +(.+)$`, "m").exec(stdout)?.[1]?.split(/ +/).map(Number) ?? [];
  const [, , held = 0, , atPoint = 0, atOnce = 0] = row;
  return {
    failures: code === 0 ? "none" : stdout.slice(Math.max(0, about)) + stderr,
    ...{ held, deaths: atPoint + atOnce },
  };
}

describe("whatever happens, when the dust has settled the mirror is what Stripe says, access is what is due, and everything was told once", () => {
  // both at once: the one waits for processes to start, the other for none
  const cutOff = live("--runs", "200", "--lanes", "2");
  const killed = live("--runs", "10", "--lanes", "1", "--kill");

  test(
    "in a service that is cut off at points of its pipeline",
    async () => {
      const { failures, held, deaths } = await cutOff;
      expect({ failures, held }).toEqual({ failures: "none", held: 200 });
      expect(deaths).toBeGreaterThan(100);
    },
    WITHIN_MS,
  );

  test(
    "in a process that is ended by kill -9 in each of them",
    async () => {
      const { failures, held, deaths } = await killed;
      expect({ failures, held }).toEqual({ failures: "none", held: 10 });
      expect(deaths).toBeGreaterThanOrEqual(10);
    },
    WITHIN_MS,
  );
});
