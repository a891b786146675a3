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
  if (!found) {
    const row = tx.create(entity, { ...key, ...values } as never, { persist: true }) as T;
    return { row, before: null, after: { ...values } };
  }
  const row = found as T;
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
