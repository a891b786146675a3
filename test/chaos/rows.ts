import type { World } from "./world.ts";

type Value = string | number | boolean | null;
/** As much of a row as is compared: dates as ISO 8601, amounts as numbers. */
export type Row = Record<string, Value>;
export type Rows = Map<string, Row>;

/** What our database holds of some users, by the key of each row. */
export async function rowsOf(
  world: Pick<World, "rows">,
  table: string,
  key: string,
  users: string[],
): Promise<Rows> {
  const belongs: Record<string, string> = {
    invoice_lines: "stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = any($1))",
    invoice_payments: "stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = any($1))",
  };
  const found = await world.rows<Record<string, unknown>>(
    `select * from ${table} where ${belongs[table] ?? "user_id = any($1)"}`,
    [users],
  );
  return new Map(found.map((row) => [String(row[key]), plain(row)]));
}

function plain(row: Record<string, unknown>): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Date
        ? value.toISOString()
        : name.endsWith("_minor")
          ? Number(value)
          : (value as Value),
    ]),
  );
}

/** What an actual row does not say, or says otherwise. */
export function differences(what: string, expected: Row, actual: Row | undefined): string[] {
  if (!actual) return [`${what} is not in the mirror: ${JSON.stringify(expected)}`];
  return Object.entries(expected)
    .filter(([name, value]) => actual[name] !== value)
    .map(([name, value]) => `${what}: ${name} is ${actual[name]}, at Stripe ${value}`);
}
