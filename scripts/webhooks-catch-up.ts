import { parseArgs } from "node:util";
import type { SweepState } from "../src/jobs/object-sweep.ts";
import { STEPS } from "../src/jobs/object-sweep-steps.ts";
import type { Parts } from "../src/parts.ts";
import { instantOption, UsageError, withParts } from "./service-parts.ts";
import { Progress, table } from "./terminal.ts";

const HELP = `npm run webhooks:catch-up -- --since ISO [--objects]

Finds what webhooks did not tell. The service does this by itself every minute, from where it stopped; this is for
looking again, or further back.

  --since ISO  gives the inbox every event since then that it lacks: 2026-11-30 or 2026-11-30T12:00:00Z. Stripe lists
               events for 30 days
  --objects    looks at the objects themselves instead: everything of ours that was created since then, and every row
               that may have changed since, is synced. Interrupted, the same command (or the running service) goes on
  --help       this text`;

const { values } = parseArgs({
  options: { since: { type: "string" }, objects: { type: "boolean" }, help: { type: "boolean" } },
});

if (values.help) console.log(HELP);
else
  await withParts(HELP, async (parts) => {
    const since = instantOption("since", values.since);
    if (!since) throw new UsageError("Say since when: --since.");
    await (values.objects ? sweepObjects(parts, since) : listEvents(parts, since));
  });

async function listEvents({ catchUp }: Parts, since: Date): Promise<void> {
  const progress = new Progress("events");
  const { looked, received } = await catchUp.since(since, (now) =>
    progress.show(now.looked, null, `looked at, ${now.received} had not arrived`),
  );
  progress.end();
  console.log(
    table(
      ["events", "count"],
      [
        ["listed by Stripe", looked],
        ["had not arrived, and are worked on now", received],
      ],
    ),
  );
}

async function sweepObjects({ objectSweep }: Parts, since: Date): Promise<void> {
  const progress = new Progress("objects");
  const { since: from, step } = await objectSweep.request(since);
  if (step > 0) console.log(`Going on with the sweep since ${from}, at ${STEPS[step]?.name ?? "the end"}.`);
  const state = await objectSweep.finish(({ step, counts }) => {
    const name = STEPS[step]?.name ?? "";
    progress.show(step, STEPS.length, `${name} ${counts[name]?.looked ?? ""}`);
  });
  progress.end();
  if (!state) {
    console.log("Another process is doing this sweep; it goes on there.");
    return;
  }
  console.log(table(["objects", "looked at", "synced", "failed"], rowsOf(state)));
  for (const failure of state.failures) console.log(`could not be synced: ${failure}`);
  if (state.failures.length > 0) process.exitCode = 1;
}

function rowsOf({ counts }: SweepState): (string | number)[][] {
  return STEPS.map(({ name }) => {
    const { looked = 0, synced = 0, failed = 0 } = counts[name] ?? {};
    return [name, looked, synced, failed];
  });
}
