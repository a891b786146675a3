import type { EntityClass, EntityManager, EntityProperty } from "@mikro-orm/postgresql";
import { prepared } from "./prepared.ts";

/** How rows of a class are read: its columns under the names of its properties, and which of them are not yet values. */
interface Reading {
  columns: string;
  table: string;
  columnOf: ReadonlyMap<string, string>;
  dates: readonly string[];
  numbers: readonly string[];
}
type Row = Record<string, unknown>;

const readings = new WeakMap<object, Reading>();

/**
 * Rows whose property is one of `keys`, as objects of their class, for what many ask all the time: the ORM defines each
 * property of each object anew and keeps a copy, for the case that it is changed. These are to be looked at only, and
 * are unknown to the ORM.
 * @param more constant SQL that goes on after the condition
 */
export async function rowsBy<T extends object>(
  em: EntityManager,
  entity: EntityClass<T>,
  {
    property,
    keys,
    more = "",
  }: { property: keyof T & string; keys: readonly (string | boolean)[]; more?: string },
): Promise<T[]> {
  if (keys.length === 0) return [];
  const { columns, table, columnOf, dates, numbers } = readingOf(em, entity);
  const rows = await prepared<Row>(
    em,
    `select ${columns} from ${table} where ${columnOf.get(property)} = any($1) ${more}`,
    [keys],
  );
  const platform = em.getPlatform();
  for (const row of rows) {
    for (const name of dates) if (row[name] !== null) row[name] = platform.parseDate(row[name] as string);
    for (const name of numbers) if (row[name] !== null) row[name] = Number(row[name]);
    Object.setPrototypeOf(row, entity.prototype as object);
  }
  return rows as T[];
}

function readingOf(em: EntityManager, entity: EntityClass<object>): Reading {
  const known = readings.get(entity);
  if (known) return known;
  const { properties, tableName } = em.getMetadata().get(entity);
  const all = Object.values<EntityProperty>(properties).map(({ name, fieldNames, columnTypes }) => ({
    ...{ name: String(name), column: `"${fieldNames[0]}"`, type: columnTypes[0] },
  }));
  const ofType = (type: string) => all.filter((one) => one.type === type).map(({ name }) => name);
  const reading = {
    columns: all.map(({ name, column }) => `${column} as "${name}"`).join(", "),
    table: `"${tableName}"`,
    columnOf: new Map(all.map(({ name, column }) => [name, column])),
    ...{ dates: ofType("timestamptz"), numbers: ofType("bigint") },
  };
  readings.set(entity, reading);
  return reading;
}
