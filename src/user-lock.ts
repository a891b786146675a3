import type { EntityManager } from "@mikro-orm/postgresql";
import { prepared } from "./prepared.ts";

/** Takes the one lock of a user until the transaction ends: whoever writes what belongs to the user holds it. */
export async function lockUser(tx: EntityManager, userId: string): Promise<void> {
  await prepared(tx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", [`user:${userId}`]);
}

/** Takes the locks of those users whose nobody holds, without waiting, and tells whose they are. */
export async function lockFree(tx: EntityManager, userIds: readonly string[]): Promise<string[]> {
  const rows = await prepared<{ user_id: string }>(tx, LOCK_FREE, [JSON.stringify(userIds)]);
  return rows.map((row) => row.user_id);
}

const LOCK_FREE = `
  select user_id from jsonb_array_elements_text($1::jsonb) as asked (user_id)
   where pg_try_advisory_xact_lock(hashtextextended('user:' || user_id, 0))`;
