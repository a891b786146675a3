import type { EntityManager } from "@mikro-orm/postgresql";
import type { Pool } from "pg";

/** What a statement may be given: JSON as text, an array for `any`. */
type Value = string | number | boolean | Date | null | readonly (string | boolean)[];

/** Kysely, on which the ORM runs, and the queries that it takes as they are. */
type Client = ReturnType<EntityManager["getKysely"]>;
type Raw = Parameters<Client["executeQuery"]>[0];

/**
 * Runs a statement that PostgreSQL plans once a connection, in the transaction of `em` when it has one. For the few
 * that run for each webhook: the ORM writes values into its statements, so that each is planned anew. The text is
 * constant, with `$1`, `$2` … where values go; what is asked for is named column by column, since a statement that
 * was prepared before a migration must not see other columns after it.
 * @throws what the ORM throws for the same failure
 */
export async function prepared<T extends object>(
  em: EntityManager,
  sql: string,
  values: Value[],
): Promise<T[]> {
  const connection = em.getConnection();
  await connection.ensureConnection();
  // the one that all others are forked from has no transaction, wherever it is called from
  const transaction = em.global ? undefined : em.getTransactionContext<Client>();
  const client = transaction ?? connection.getClient();
  const query = { sql, parameters: values, query: { kind: "RawNode" }, queryId: { queryId: "" } };
  try {
    return (await client.executeQuery(query as unknown as Raw)).rows as T[];
  } catch (error) {
    throw em
      .getPlatform()
      .getExceptionConverter()
      .convertException(error as Error);
  }
}

const names = new Map<string, string>();

/** The same for the same text, on every connection. */
function nameOf(sql: string): string {
  const name = names.get(sql) ?? `service_${names.size + 1}`;
  names.set(sql, name);
  return name;
}

type Done = (error: Error | null, result: unknown) => void;
type Query = (sql: unknown, values?: unknown, ...rest: unknown[]) => unknown;

/** Lets the connections of a pool prepare what comes with values; everything else the ORM writes out. */
export function preparing(pool: Pool): void {
  pool.on("connect", (client) => {
    const driver = Object.getPrototypeOf(client) as { query: Query };
    const query: Query = (sql, values, ...rest) => {
      const isConstant = typeof sql === "string" && Array.isArray(values) && values.length > 0;
      const asked = isConstant ? [{ name: nameOf(sql), text: sql, values }] : [sql, values];
      const isPromised = typeof sql === "string" && typeof values !== "function" && rest.length === 0;
      const run = (...done: unknown[]) => driver.query.call(client, ...(asked as [unknown]), ...done);
      return isPromised ? promised(run) : run(...rest);
    };
    client.query = query as typeof client.query;
  });
}

/**
 * The driver's promise, made of its callback: its own assigns a function literal to a property, which V8 puts into the
 * old space, and what a statement found stays with it there until that is swept (docs/decisions/0019).
 */
function promised(run: (done: Done) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result)));
  }).catch((error: Error) => {
    // as the driver does: who asked, in place of the socket that was read
    Error.captureStackTrace(error);
    throw error;
  });
}
