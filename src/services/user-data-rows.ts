import { shownCode } from "../declines.ts";
import { scrubbed } from "./subscription-history.service.ts";
import { camel, leftOf, SECTIONS } from "./user-data-sections.ts";

/** A row as the document has it. */
export type Told = Record<string, unknown>;

/**
 * One statement for all of it, section by section and within each by time: a row for each row, as JSON. With a limit, no
 * more of each section is read. Takes the user's id as its one value.
 */
export function userDataSql(limit?: number): string {
  const most = limit === undefined ? "" : ` limit ${limit}`;
  const branches = SECTIONS.map(({ table, rows, at, shown }, section) => {
    const pairs = Object.entries(shown).map(
      ([name, sql]) => `'${name}', ${/^\w+$/.test(sql) ? `t.${sql}` : sql}`,
    );
    return `(select ${section} as section, ${at} as at, json_build_object(${pairs.join(", ")})::text as line
       from ${table} t ${rows}${most})`;
  });
  return `with whose as materialized (select ?::text as user_id)
  ${branches.join("\n  union all ")}
  order by 1, 2, 3${most}`;
}

/** A row as its user may have it: a few columns hold more than that. */
export function toldOf(section: number, line: string): Told {
  const row = JSON.parse(line, (key, value) => (CODE.test(key) ? codeOf(value) : value)) as Told;
  return MORE[SECTIONS[section]?.table as string]?.(row) ?? row;
}

/** Under these names banks' reasons stand, wherever it is: cardholders are not told all of them. */
const CODE = /^(failure|decline)(C|_c)ode$/;

/** One code, or one of each side of a comparison. */
const codeOf = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(codeOf) : shownCode(value as string | null);

/** Tables with columns in which anything may stand. */
const MORE: Record<string, (row: Told) => Told> = {
  intents: ({ params, error, ...row }) => ({ ...row, params: scrubbed(params), error: refusalOf(error) }),
  // why a bank refused to take money back
  outbox: ({ data, ...row }) => ({ ...row, data: { ...(data as object), failureReason: undefined } }),
  audit_log: ({ tableName, rowId, reason, before, after, ...row }) => ({
    ...{ ...row, tableName, rowId: scrubbed(rowId), reason: scrubbed(reason) },
    ...{ before: columnsOf(String(tableName), before), after: columnsOf(String(tableName), after) },
  }),
  reconciliation_drift: ({ tableName, columns, ...row }) => ({
    ...{ ...row, tableName, columns: columnsOf(String(tableName), columns) },
  }),
};

/** Columns as the log or a comparison noted them: left out, and shown, as the table's own section does. */
function columnsOf(table: string, values: unknown): Told | null {
  if (values == null) return null;
  const section = SECTIONS.find((one) => one.table === table);
  const left = new Set(["userId", ...(section ? leftOf(section) : [])]);
  const kept = Object.entries(values).filter(([name]) => !left.has(camel(name)));
  // a course may be called like an id of Stripe's
  const isShown = (name: string) => section !== undefined && camel(name) in section.shown;
  return Object.fromEntries(kept.map(([name, value]) => [name, isShown(name) ? value : scrubbed(value)]));
}

/** Why a change was refused, without the provider's words. */
function refusalOf(error: unknown): Told | null {
  if (error == null) return null;
  const { message: _words, ...refusal } = error as Told;
  return refusal;
}
