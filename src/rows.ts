import type { EntityClass, EntityManager, EntityProperty } from "@mikro-orm/postgresql";
import type { Pool } from "pg";
import { prepared } from "./prepared.ts";

/** Which rows are read. */
export interface Wanted {
  property: string;
  keys: readonly (string | boolean)[];
  /** Constant SQL after the condition. */
  more?: string;
  /** A constant expression to select besides, with its name. */
  also?: string;
}

interface Reading {
  /** What is selected: each property. */
  selected: readonly string[];
  table: string;
  columnOf: ReadonlyMap<string, string>;
  prototype: object;
}

const readings = new WeakMap<object, Reading>();

/**
 * Rows whose property is one of `keys`, as objects of their class, for what many ask all the time: the ORM defines each
 * property of each object anew and keeps a copy, for the case that it is changed. These are to be looked at only, and
 * are unknown to the ORM. Not for use within a transaction.
 */
export async function rowsBy<T extends object>(
  em: EntityManager,
  entity: EntityClass<T>,
  { property, keys, more = "", also }: Wanted & { property: keyof T & string },
): Promise<T[]> {
  if (keys.length === 0) return [];
  const { selected, table, columnOf, prototype } = readingOf(em, entity);
  const sql = `select ${[...selected, ...(also ? [also] : [])].join(", ")} from ${table} where ${columnOf.get(property)} = any($1) ${more}`;
  const rows = await read<T>(em, sql, keys);
  for (const row of rows) Object.setPrototypeOf(row, prototype);
  return rows;
}

/** On a connection of the pool, without the ORM's query builder in between. */
async function read<T extends object>(
  em: EntityManager,
  sql: string,
  keys: readonly (string | boolean)[],
): Promise<T[]> {
  if (!em.global) return prepared<T>(em, sql, [keys]);
  try {
    const pool = (await em.getConnection().getNativeClient()) as Pool;
    return (await pool.query(sql, [keys])).rows as T[];
  } catch (error) {
    throw em
      .getPlatform()
      .getExceptionConverter()
      .convertException(error as Error);
  }
}

/** What PostgreSQL gives as text becomes a value when somebody looks at it, which is seldom. */
function readingOf(em: EntityManager, entity: EntityClass<object>): Reading {
  const known = readings.get(entity);
  if (known) return known;
  const { properties, tableName } = em.getMetadata().get(entity);
  const platform = em.getPlatform();
  const prototype: object = Object.create(entity.prototype as object);
  const columnOf = new Map<string, string>();
  const selected: string[] = [];
  for (const { name, fieldNames, columnTypes } of Object.values<EntityProperty>(properties)) {
    const column = `"${fieldNames[0]}"`;
    columnOf.set(name, column);
    const convert = { timestamptz: (text: string) => platform.parseDate(text), bigint: Number }[
      columnTypes[0] as string
    ];
    const kept = convert ? `text of ${name}` : name;
    selected.push(`${column} as "${kept}"`);
    if (!convert) continue;
    Object.defineProperty(prototype, name, {
      get(this: Record<string, string | null>) {
        const text = this[kept];
        return text == null ? null : convert(text);
      },
    });
  }
  const reading = { selected, table: `"${tableName}"`, columnOf, prototype };
  readings.set(entity, reading);
  return reading;
}
