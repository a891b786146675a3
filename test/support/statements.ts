import { jest } from "@jest/globals";
import { type Orm, poolOf } from "../../src/database.ts";

/** How many statements reach PostgreSQL from this process while `work` runs. */
export async function statementsOf(orm: Orm, work: () => Promise<unknown>): Promise<number> {
  const client = await (await poolOf(orm)).connect();
  const prototype = Object.getPrototypeOf(client) as { query(...args: unknown[]): unknown };
  client.release();
  const query = jest.spyOn(prototype, "query");
  try {
    await work();
    return query.mock.calls.length;
  } finally {
    query.mockRestore();
  }
}
