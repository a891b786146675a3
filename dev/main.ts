// `npm run dev`: the service with all it needs in one process, beside it only PostgreSQL and Redis.
import { ConfigError, readEnvironment } from "../src/config.ts";
import { banner } from "./banner.ts";
import { FolderInUse } from "./embedded/lock.ts";
import { PortTaken } from "./embedded/ports.ts";
import { StartFailed } from "./embedded/postmaster.ts";
import { RunningParts } from "./running-parts.ts";
import { startDev } from "./start.ts";

const say = (line: string) => console.log(line);
const parts = new RunningParts(say);
const begun = performance.now();

function endOnSignals(): void {
  let asked = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      // npm passes on a Ctrl-C that the terminal has already sent to all of us.
      if (asked && performance.now() - asked < 100) return;
      if (asked) process.exit(130);
      asked = performance.now();
      if (signal === "SIGINT") say("\nstopping … (Ctrl-C again to leave at once)");
      void parts.stop().then(() => process.exit(0));
    });
}

/** Under npm, whose death would leave us to nobody: a signal sent to it alone reaches its shell and not us. */
function endWithNpm(): void {
  if (!process.env.npm_lifecycle_event) return;
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    void parts.stop().then(() => process.exit(0));
  }, 500);
}

/** A fault that a person can mend needs its sentence, not our stack. */
function explain(error: unknown): string {
  const isPlain = [ConfigError, PortTaken, FolderInUse, StartFailed].some((known) => error instanceof known);
  if (!(error instanceof Error)) return String(error);
  return isPlain ? error.message : (error.stack ?? error.message);
}

endOnSignals();
endWithNpm();
try {
  const dev = await startDev(readEnvironment(), parts, say);
  say(banner(dev));
  say(`ready in ${((performance.now() - begun) / 1000).toFixed(1)} s; Ctrl-C stops everything`);
} catch (error) {
  const wasAsked = parts.isStopping; // then the error only says that a part went away in the middle
  if (!wasAsked) console.error(`\n${explain(error)}\n`);
  await parts.stop();
  process.exit(wasAsked ? 0 : 1);
}
