import type { EntityManager } from "@mikro-orm/postgresql";
import { prepared } from "./prepared.ts";

/** Takes the one lock of a user until the transaction ends: whoever writes what belongs to the user holds it. */
export async function lockUser(tx: EntityManager, userId: string): Promise<void> {
  await prepared(tx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", [`user:${userId}`]);
}
