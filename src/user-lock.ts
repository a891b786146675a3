import type { EntityManager } from "@mikro-orm/postgresql";
import { UserAnonymized } from "./errors.ts";
import { prepared } from "./prepared.ts";

/**
 * Takes the one lock of a user until the transaction ends: whoever writes what belongs to the user holds it.
 * @throws UserAnonymized for one who is nobody any more: nothing is written of them again
 */
export async function lockUser(tx: EntityManager, userId: string): Promise<void> {
  const [row] = await prepared<{ severed: boolean }>(tx, "select lock_user($1) as severed", [userId]);
  if (row?.severed) throw new UserAnonymized();
}

/** Takes the locks of those users whose nobody holds, without waiting, and tells whose they are. */
export async function lockFree(tx: EntityManager, userIds: readonly string[]): Promise<string[]> {
  const rows = await prepared<{ user_id: string }>(tx, LOCK_FREE, [JSON.stringify(userIds)]);
  return rows.map((row) => row.user_id);
}

const LOCK_FREE = `
  select user_id from jsonb_array_elements_text($1::jsonb) as asked (user_id) where lock_free_user(user_id)`;
