import type { EntityManager } from "@mikro-orm/postgresql";
import { UserAnonymized, UserHeld } from "./errors.ts";
import { prepared } from "./prepared.ts";

/**
 * Takes the one lock of a user until the transaction ends: whoever writes what belongs to the user holds it.
 * @param waits five seconds, while somebody else holds it; else not at all
 * @throws UserHeld when it was not to be had
 * @throws UserAnonymized for one who is being anonymised, or is nobody any more: nothing begins of them again
 */
export async function lockUser(tx: EntityManager, userId: string, waits = true): Promise<void> {
  if ((await standing(tx, userId, waits)) !== null) throw new UserAnonymized();
}

/**
 * The same for what only follows Stripe, or ends what is left: it goes on until the user is severed.
 * @throws UserHeld as above
 * @throws UserAnonymized for one who is nobody any more: nothing is written of them again
 */
export async function lockUserToFollow(tx: EntityManager, userId: string, waits = true): Promise<void> {
  if ((await standing(tx, userId, waits)) === "severed") throw new UserAnonymized();
}

type Standing = "requested" | "severed" | null;

async function standing(tx: EntityManager, userId: string, waits: boolean): Promise<Standing> {
  const [row] = await prepared<{ standing: Standing | "held" }>(tx, LOCK, [userId, waits]).catch(
    (error: unknown) => {
      throw isStillHeld(error) ? new UserHeld(error) : error;
    },
  );
  if (row?.standing === "held") throw new UserHeld();
  return row?.standing ?? null;
}

/** PostgreSQL's code for what could not be locked in time. */
const isStillHeld = (error: unknown) => (error as { code?: unknown } | null)?.code === "55P03";

const LOCK = "select lock_user_in_time($1, $2) as standing";

/** Takes the locks of those users whose nobody holds, without waiting, and tells whose they are. */
export async function lockFree(tx: EntityManager, userIds: readonly string[]): Promise<string[]> {
  const rows = await prepared<{ user_id: string }>(tx, LOCK_FREE, [JSON.stringify(userIds)]);
  return rows.map((row) => row.user_id);
}

const LOCK_FREE = `
  select user_id from jsonb_array_elements_text($1::jsonb) as asked (user_id) where lock_free_user(user_id)`;
