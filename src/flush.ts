import { type EntityClass, type EntityMetadata, wrap } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/postgresql";
import { prepared } from "./prepared.ts";

/** New rows of a table that the ORM is not to know. */
export interface PlainRows {
  entity: EntityClass<object>;
  rows: readonly object[];
}

/**
 * Writes what a transaction has changed, as its own `flush` does, but all new rows of all tables in one prepared
 * statement: a payment's are of eight tables. The ORM knows them afterwards as if it had written them itself.
 * @param more rows that go with them
 */
export async function flush(tx: EntityManager, more?: PlainRows): Promise<void> {
  const added = [...tx.getUnitOfWork().getPersistStack()].filter((row) => isPlainAndNew(tx, row));
  const tables = new Map<EntityMetadata, object[]>();
  const add = (entity: unknown, row: object) => {
    const meta = tx.getMetadata().get(entity as never) as EntityMetadata;
    const rows = tables.get(meta);
    if (rows) rows.push(row);
    else tables.set(meta, [row]);
  };
  for (const row of added) add(row.constructor, row);
  for (const row of more?.rows ?? []) add(more?.entity, row);
  if (tables.size > 0) await insertAll(tx, tables);
  for (const row of added) tx.merge(row);
  await tx.flush();
}

async function insertAll(tx: EntityManager, tables: ReadonlyMap<EntityMetadata, object[]>): Promise<void> {
  const sorted = [...tables].sort(([left], [right]) => (left.tableName < right.tableName ? -1 : 1));
  const inserts = sorted.map(([{ tableName: table, props }], at) => {
    const columns = props.map(({ fieldNames }) => `"${fieldNames[0]}"`).join();
    return `added_${at} as (insert into "${table}" (${columns})
      select ${columns} from jsonb_populate_recordset(null::"${table}", $1::jsonb -> '${table}'))`;
  });
  const given = sorted.map(([meta, its]) => [meta.tableName, its.map((row) => columnsOf(meta, row))]);
  await prepared(tx, `with ${inserts.join(",\n")} select 1`, [JSON.stringify(Object.fromEntries(given))]);
}

/** As JSON that PostgreSQL reads as a row of the table. */
function columnsOf({ props }: EntityMetadata, row: object): object {
  const values = row as Record<string, unknown>;
  return Object.fromEntries(props.map(({ name, fieldNames }) => [fieldNames[0], values[name] ?? null]));
}

/** Not written yet, and without a value that the database would have to give. */
function isPlainAndNew(tx: EntityManager, row: object): boolean {
  if (wrap(row, true).__originalEntityData) return false;
  const values = row as Record<string, unknown>;
  return metadataOf(tx, row).props.every(
    ({ name, nullable, fieldNames }) => fieldNames?.length === 1 && (nullable || values[name] != null),
  );
}

const metadataOf = (tx: EntityManager, row: object) =>
  tx.getMetadata().get(row.constructor as never) as EntityMetadata;
