import { parseArgs } from "node:util";
import { instantOption, operator, UsageError, withParts } from "./service-parts.ts";
import { Progress, table } from "./terminal.ts";

const HELP = `npm run webhooks:replay -- --id evt_…|--since ISO|--failed

Has events of Stripe's worked on again: they go back to pending, with a line each in the audit log, and the running
service works on them. Repeating an event never repeats its effect.

  --id ID      this event; may be given several times
  --failed     dead letters; with --since those received since then
  --since ISO  everything received since then: 2026-11-30 or 2026-11-30T12:00:00Z
  --dry-run    only counts
  --help       this text`;

const BATCH = 100;
const WORDS: Record<string, string> = {
  chosen: "would be worked on again",
  replayed: "worked on again",
  pending: "was pending: woken",
  useless: "of no use to the service: left alone",
  unknown: "not in the inbox",
};

const { values } = parseArgs({
  options: {
    id: { type: "string", multiple: true },
    since: { type: "string" },
    failed: { type: "boolean", default: false },
    "dry-run": { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});

if (values.help) console.log(HELP);
else
  await withParts(HELP, async ({ replay }) => {
    const since = instantOption("since", values.since);
    if (!values.id && !since && !values.failed)
      throw new UsageError("Say which events: --id, --since or --failed.");
    const ids = values.id ?? (await replay.choose({ ...(since && { since }), failedOnly: values.failed }));
    const counts = new Map<string, number>();
    const count = (word: string, n = 1) => counts.set(word, (counts.get(word) ?? 0) + n);
    if (values["dry-run"]) count("chosen", ids.length);
    else {
      const progress = new Progress("replaying");
      for (let done = 0; done < ids.length; done += BATCH) {
        const batch = ids.slice(done, done + BATCH);
        const outcomes = await replay.replay(batch, operator());
        for (const id of batch) count(outcomes.get(id) ?? "unknown");
        progress.show(done + batch.length, ids.length, "events");
      }
      progress.end();
    }
    const rows = [...counts].map(([outcome, n]): [string, number] => [WORDS[outcome] ?? outcome, n]);
    console.log(table(["events", "count"], rows.length > 0 ? rows : [["none was chosen", 0]]));
    if (counts.has("unknown")) process.exitCode = 1;
  });
