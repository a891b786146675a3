import type { EntityManager, EntityName } from "@mikro-orm/postgresql";

/** What happened to one row when Stripe's state was written into it. */
export interface Change<T> {
  row: T;
  /** The columns that differ, as they were; null for a new row. */
  before: Partial<T> | null;
  /** The columns that differ, as they are now; null when the row already said all this. */
  after: Partial<T> | null;
}

/**
 * Brings one row to `values`, found by `key`, and counts its version up if that changes anything.
 * The write itself happens with the transaction's flush.
 */
export async function mirror<T extends object>(
  tx: EntityManager,
  entity: EntityName<T>,
  key: Partial<T>,
  values: Partial<T>,
): Promise<Change<T>> {
  const found = await tx.findOne(entity, key as never);
  return found ? bring(found as T, values) : insert(tx, entity, { ...key, ...values });
}

/** Brings many rows to their values, each found by one column; reads them in one statement. */
export async function mirrorAll<T extends object>(
  tx: EntityManager,
  entity: EntityName<T>,
  key: keyof T & string,
  rows: Partial<T>[],
): Promise<Change<T>[]> {
  if (rows.length === 0) return [];
  const found = (await tx.find(entity, { [key]: { $in: rows.map((row) => row[key]) } } as never)) as T[];
  const known = new Map(found.map((row) => [row[key], row]));
  return rows.map((values) => {
    const row = known.get(values[key] as T[keyof T & string]);
    return row ? bring(row, values) : insert(tx, entity, values);
  });
}

function insert<T extends object>(tx: EntityManager, entity: EntityName<T>, values: Partial<T>): Change<T> {
  return { row: tx.create(entity, values as never, { persist: true }) as T, before: null, after: values };
}

function bring<T extends object>(row: T, values: Partial<T>): Change<T> {
  const changed = (Object.keys(values) as (keyof T)[]).filter((name) => !same(row[name], values[name]));
  if (changed.length === 0) return { row, before: {}, after: null };
  const before = pick(row, changed);
  Object.assign(row, pick(values, changed));
  if ("version" in row) (row as { version: number }).version += 1;
  return { row, before, after: pick(row, changed) };
}

function pick<T extends object>(from: T | Partial<T>, names: (keyof T)[]): Partial<T> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Partial<T>;
}

function same(left: unknown, right: unknown): boolean {
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (left == null || right == null) return left == null && right == null;
  if (typeof left === "object") return JSON.stringify(left) === JSON.stringify(right);
  return left === right;
}
