import type { EntityClass, EntityManager } from "@mikro-orm/postgresql";
import { forgetRows, isRead, rowsOf } from "./look-ahead.ts";

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
  entity: EntityClass<T>,
  key: Partial<T>,
  values: Partial<T>,
): Promise<Change<T>> {
  const known = await findRow(tx, entity, key);
  return mirrorKnown(tx, entity, known, { ...key, ...values });
}

/** A row of the mirror by columns that name one, from memory when it has been looked for ahead. */
export async function findRow<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  key: Partial<T>,
): Promise<T | null> {
  if (!isRead(tx, entity, Object.values(key))) return tx.findOne(entity, key as never);
  return rowsOf(tx, entity).find((row) => has(row, key)) ?? null;
}

/** Rows whose column has one of these values, each the id of an object at Stripe. */
export async function findRows<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  column: keyof T & string,
  ids: readonly T[keyof T & string][],
): Promise<T[]> {
  if (ids.length === 0) return [];
  if (!isRead(tx, entity, ids)) return tx.find(entity, { [column]: { $in: ids } } as never);
  return rowsOf(tx, entity).filter((row) => ids.includes(row[column]));
}

/** The same for a row that has been looked for already; null when there is none. */
export function mirrorKnown<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  known: T | null,
  values: Partial<T>,
): Change<T> {
  return known ? bring(known, values) : insert(tx, entity, values);
}

/** Brings many rows to their values, each found by one column; reads them in one statement. */
export async function mirrorAll<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  key: keyof T & string,
  rows: Partial<T>[],
): Promise<Change<T>[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row[key]);
  const found = isRead(tx, entity, [])
    ? rowsOf(tx, entity)
    : await tx.find(entity, { [key]: { $in: ids } } as never);
  return bringAll(tx, entity, { key, rows, found });
}

/** Brings all rows of an owner to their values, and takes those away that it no longer has. */
export async function mirrorWhole<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  { key, owner }: { key: keyof T & string; owner: Partial<T> },
  rows: Partial<T>[],
): Promise<{ changes: Change<T>[]; gone: T[] }> {
  const ids = rows.map((row) => row[key]);
  const found = isRead(tx, entity, Object.values(owner))
    ? rowsOf(tx, entity).filter((row) => has(row, owner))
    : await tx.find(entity, { $or: [owner, { [key]: { $in: ids } }] } as never);
  const gone = found.filter((row) => !ids.includes(row[key]));
  if (gone.length > 0) {
    await tx.nativeDelete(entity, { [key]: { $in: gone.map((row) => row[key]) } } as never);
    forgetRows(tx, gone);
  }
  return { changes: bringAll(tx, entity, { key, rows, found }), gone };
}

function bringAll<T extends object>(
  tx: EntityManager,
  entity: EntityClass<T>,
  { key, rows, found }: { key: keyof T & string; rows: Partial<T>[]; found: T[] },
): Change<T>[] {
  const known = new Map(found.map((row) => [row[key], row]));
  return rows.map((values) => {
    const row = known.get(values[key] as T[keyof T & string]);
    return row ? bring(row, values) : insert(tx, entity, values);
  });
}

function insert<T extends object>(tx: EntityManager, entity: EntityClass<T>, values: Partial<T>): Change<T> {
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

function has<T extends object>(row: T, values: Partial<T>): boolean {
  return (Object.keys(values) as (keyof T)[]).every((name) => same(row[name], values[name]));
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
