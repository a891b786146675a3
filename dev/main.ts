// `npm run dev`: the service with all it needs in one process, beside it only PostgreSQL and Redis.
import { readEnvironment } from "../src/config.ts";
import { banner } from "./banner.ts";
import { explain } from "./explain.ts";
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
      say(signal === "SIGINT" ? "\nstopping … (Ctrl-C again to leave at once)" : "stopping …");
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

endOnSignals();
endWithNpm();
try {
  const dev = await startDev(readEnvironment(), parts, say);
  say(banner(dev));
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  say(`ready in ${seconds} s, counted from the end of the build; Ctrl-C stops everything`);
} catch (error) {
  const wasAsked = parts.isStopping; // then the error only says that a part went away in the middle
  if (!wasAsked) console.error(`\n${explain(error)}\n`);
  await parts.stop();
  process.exit(wasAsked ? 0 : 1);
}
