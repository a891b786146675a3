import type { EntityManager } from "@mikro-orm/postgresql";

/** Ids at Stripe of what is looked at, whoever our rows say it belongs to. */
export interface SnapshotIds {
  subscriptions: string[];
  invoices: string[];
  payments: string[];
}

/** A table of the mirror or of what follows from it: how a row is named, and which rows are looked at. */
interface Table {
  name: string;
  key: string;
  /** The aggregate's object that a row hangs on; of grants and slots it is nothing of Stripe's. */
  object: string;
  /** The rows that are looked at, by an index. */
  rows: string;
}

const OF_USER = "t.user_id = (select user_id from looked)";
const CUSTOMER = "(select stripe_customer_id from customers c where c.user_id = t.user_id)";
const NOTHING = "null::text";
/** A grant is named after Stripe's subscription: our own id of one that we lack is made when it is written. */
const SOURCE = `(select s.stripe_subscription_id from subscriptions s
  where s.user_id = t.user_id and s.id::text = t.source_id)`;

/** A table whose rows hang on one object each: all of those of the user, and all that Stripe says are. */
const hangingOn = (name: string, key: string, object: string, ids: keyof SnapshotIds): Table => ({
  ...{ name, key, object, rows: `t.${object} in (select id from looked_${ids})` },
});

const TABLES: Table[] = [
  { name: "customers", key: "stripe_customer_id", object: "stripe_customer_id", rows: OF_USER },
  { name: "payment_methods", key: "stripe_payment_method_id", object: CUSTOMER, rows: OF_USER },
  hangingOn("subscriptions", "stripe_subscription_id", "stripe_subscription_id", "subscriptions"),
  hangingOn("invoices", "stripe_invoice_id", "stripe_invoice_id", "invoices"),
  hangingOn("invoice_lines", "stripe_line_id", "stripe_invoice_id", "invoices"),
  hangingOn("invoice_payments", "stripe_invoice_payment_id", "stripe_invoice_id", "invoices"),
  hangingOn("payments", "stripe_payment_intent_id", "stripe_payment_intent_id", "payments"),
  hangingOn("charges", "stripe_charge_id", "stripe_payment_intent_id", "payments"),
  hangingOn("refunds", "stripe_refund_id", "stripe_payment_intent_id", "payments"),
  hangingOn("disputes", "stripe_dispute_id", "stripe_payment_intent_id", "payments"),
  {
    ...{ name: "user_access", object: NOTHING, rows: OF_USER },
    key: `concat_ws(':', source, coalesce(${SOURCE}, source_id), scope, resource_id)`,
  },
  { name: "subscription_slots", key: "user_id", object: NOTHING, rows: OF_USER },
  { name: "purchases", key: "t.id::text", object: "stripe_payment_intent_id", rows: OF_USER },
  {
    ...{ name: "purchase_slots", object: NOTHING, rows: OF_USER },
    key: "concat_ws(':', resource_type, resource_id)",
  },
];

/** What rows count for themselves says nothing about Stripe. */
const OWN_COLUMNS = "'{id,version,created_at,updated_at}'::text[]";

/** The ids of a user's objects, as our rows and as Stripe say. */
const looked = (ids: keyof SnapshotIds, key: string) =>
  `looked_${ids} as (
     select t.${key} as id from ${ids} t where ${OF_USER}
     union select jsonb_array_elements_text(${ids}) from looked)`;

const SNAPSHOT = `with looked as materialized (
    select ?::text as user_id, ?::jsonb as subscriptions, ?::jsonb as invoices, ?::jsonb as payments),
  ${looked("subscriptions", "stripe_subscription_id")},
  ${looked("invoices", "stripe_invoice_id")},
  ${looked("payments", "stripe_payment_intent_id")}
${TABLES.map(
  ({ name, key, object, rows }) =>
    `select '${name}' as table_name, ${key} as row_key, ${object} as object_id,
       to_jsonb(t) - ${OWN_COLUMNS} as columns from ${name} t where ${rows}`,
).join("\nunion all ")}`;

/** One row of a user as it stands. */
export interface SnapshotRow {
  table_name: string;
  row_key: string;
  object_id: string | null;
  columns: Record<string, unknown>;
}

/** All of a user's rows that come from Stripe or follow from what does, in one statement. */
export function snapshot(tx: EntityManager, userId: string, ids: SnapshotIds): Promise<SnapshotRow[]> {
  const lists = [ids.subscriptions, ids.invoices, ids.payments].map((list) => JSON.stringify(list));
  return tx.execute<SnapshotRow[]>(SNAPSHOT, [userId, ...lists]);
}

/** How a row differs from what Stripe says: `extra` is what nothing at Stripe stands for (any more). */
export type DifferenceKind = "missing" | "changed" | "extra";

export interface Difference {
  table: string;
  key: string;
  objectId: string | null;
  kind: DifferenceKind;
  /** Each column that differs: as our row says, and as it should. */
  columns: Record<string, [ours: unknown, theirs: unknown]>;
}

/** What changed between two snapshots. */
export function differences(before: SnapshotRow[], after: SnapshotRow[]): Difference[] {
  const nameOf = (row: SnapshotRow) => `${row.table_name} ${row.row_key}`;
  const [old, now] = [before, after].map((rows) => new Map(rows.map((row) => [nameOf(row), row])));
  const names = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return [...names].flatMap((name) => differenceOf(old?.get(name), now?.get(name)));
}

function differenceOf(before: SnapshotRow | undefined, after: SnapshotRow | undefined): Difference[] {
  const row = after ?? before;
  if (!row) return [];
  const [ours, theirs] = [before?.columns ?? {}, after?.columns ?? {}];
  const changed = Object.keys({ ...ours, ...theirs }).filter(
    (name) => JSON.stringify(ours[name] ?? null) !== JSON.stringify(theirs[name] ?? null),
  );
  if (changed.length === 0) return [];
  const { table_name: table, row_key: key, object_id: objectId } = row;
  const columns = Object.fromEntries(
    changed.map((name): [string, [unknown, unknown]] => [name, [ours[name] ?? null, theirs[name] ?? null]]),
  );
  return [{ table, key, objectId, kind: kindOf(before, after), columns }];
}

/** A grant that is ended or given again differs as one that is too much or missing. */
function kindOf(before: SnapshotRow | undefined, after: SnapshotRow | undefined): DifferenceKind {
  const isThere = (row: SnapshotRow | undefined) => row !== undefined && row.columns.revoked_at == null;
  if (isThere(before) === isThere(after)) return "changed";
  return isThere(after) ? "missing" : "extra";
}
