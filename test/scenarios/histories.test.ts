import { join } from "node:path";
import { runToEnd } from "../support/processes.ts";

const SCRIPT = join(import.meta.dirname, "../../dist/test/chaos/main.js");
/** The same histories in every run of the suite; `npm run chaos` draws others, as many as wanted. */
const SEED = 20_261_125;
const WITHIN_MS = 600_000;

/** Runs the script; its output when a history fails is the failure's message. */
async function failuresOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(process.execPath, [SCRIPT, ...args]);
  const about = stdout.indexOf("A history after which");
  return code === 0 ? "none" : stdout.slice(Math.max(0, about)) + stderr;
}

describe("whatever happens, when the dust has settled the mirror is what Stripe says, access is what is due, and everything was told once", () => {
  test(
    "in a service that is cut off at points of its pipeline",
    async () => {
      const halves = [SEED, SEED + 1].map((seed) => failuresOf("--runs", "30", "--seed", `${seed}`));
      expect(await Promise.all(halves)).toEqual(["none", "none"]);
    },
    WITHIN_MS,
  );
});
