import type { EntityManager } from "@mikro-orm/postgresql";

/** Takes the one lock of a user until the transaction ends: whoever writes what belongs to the user holds it. */
export async function lockUser(tx: EntityManager, userId: string): Promise<void> {
  await tx.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`user:${userId}`]);
}
