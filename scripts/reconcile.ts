import { parseArgs } from "node:util";
import type { Parts } from "../src/parts.ts";
import { RECENT_DAYS } from "../src/reconciliation/reconciliation.ts";
import type { DriftCount, ReportSummary } from "../src/reconciliation/reports.ts";
import { operator, UsageError, withParts } from "./service-parts.ts";
import { Progress, table } from "./terminal.ts";

const HELP = `npm run reconcile [-- --repair]

Compares what we have with what Stripe says: customers and their methods, subscriptions, invoices, payments, refunds,
disputes, and the access that follows. Stores a report and prints what differs, by class. Nothing is changed.

  --repair           brings what differs in step with Stripe, with a line each in the audit log
  --days N           looks at what ended or was paid within so many days; default ${RECENT_DAYS}
  --user ID          this user alone
  --settle SECONDS   how long something has to differ, since its webhook may be on its way; default 15
  --help             this text

Exit code 0: everything agrees, or was repaired. 1: something differs, or could not be compared. 2: this text.`;

const LISTED = 20;

const { values } = parseArgs({
  options: {
    repair: { type: "boolean", default: false },
    days: { type: "string", default: String(RECENT_DAYS) },
    user: { type: "string" },
    settle: { type: "string", default: "15" },
    help: { type: "boolean" },
  },
});

if (values.help) console.log(HELP);
else await withParts(HELP, reconcile);

async function reconcile(parts: Parts): Promise<void> {
  const progress = new Progress("comparing");
  const [row] = await parts.orm.em.fork().execute<{ n: string }[]>("select count(*) as n from customers");
  const total = values.user ? 1 : Number(row?.n);
  const summary = await parts.reconciliation.reconcile(
    {
      ...{ askedBy: operator(), repair: values.repair },
      days: wholeNumber("days", values.days, 1),
      settleMs: wholeNumber("settle", values.settle, 0) * 1_000,
      ...(values.user && { userId: values.user }),
    },
    ({ users, phase }) => progress.show(users, Math.max(total, users), `users (${phase})`),
  );
  progress.end();
  print(summary);
  await list(parts, summary.id);
  const isLeft = summary.drift.some(({ state }) => state === "drift") || summary.failedUsers > 0;
  if (isLeft) process.exitCode = 1;
}

function print({ id, users, failedUsers, drift }: ReportSummary): void {
  const of = ({ table, kind }: DriftCount) => `${table} ${kind}`;
  const classes = [...new Set(drift.map(of))];
  const count = (name: string, state: DriftCount["state"]) =>
    drift.find((one) => of(one) === name && one.state === state)?.count ?? 0;
  const rows = classes.map((name) => [
    name,
    ...(["drift", "in_flight", "repaired"] as const).map((state) => count(name, state)),
  ]);
  console.log(
    table(
      ["class", "drift", "in flight", "repaired"],
      rows.length > 0 ? rows : [["everything agrees", 0, 0, 0]],
    ),
  );
  const failed = failedUsers > 0 ? `, ${failedUsers} could not be compared` : "";
  console.log(`${users} users compared${failed}; report ${id}`);
}

/** The first of what is left, and in which columns it differs. */
async function list({ orm }: Parts, reportId: string): Promise<void> {
  const rows = await orm.em
    .fork()
    .execute<{ table_name: string; row_key: string; kind: string; names: string }[]>(
      `select table_name, row_key, kind,
            (select string_agg(name, ', ' order by name) from jsonb_object_keys(columns) as name) as names
       from reconciliation_drift where report_id = ? and state = 'drift' order by table_name, row_key limit ?`,
      [reportId, LISTED],
    );
  for (const { table_name, row_key, kind, names } of rows)
    console.log(`${table_name} ${row_key} ${kind}${kind === "changed" ? `: ${names}` : ""}`);
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`--${name} takes a whole number of at least ${least}.`);
  return value;
}
