import type { EntityManager } from "@mikro-orm/postgresql";
import { Purchase } from "../entities/purchase.ts";

/*
 * The guard against buying the same thing twice: one slot for each user and thing. It is claimed with the order, kept by
 * the purchase that opens what was bought, and free again when that ends. All under the user's lock.
 */

/** What is bought, by whom. */
export type Bought = Pick<Purchase, "userId" | "resourceType" | "resourceId">;

const keyOf = ({ userId, resourceType, resourceId }: Bought) => [userId, resourceType, resourceId];
const IS_IT = "user_id = ? and resource_type = ? and resource_id = ?";

/** The purchase that holds the slot; null when it is free. */
export async function slotHolderOf(tx: EntityManager, bought: Bought): Promise<Purchase | null> {
  // asked of the database: within one transaction a slot may change hands more than once
  const [slot] = await tx.execute<{ purchase_id: string }[]>(
    `select purchase_id from purchase_slots where ${IS_IT}`,
    keyOf(bought),
  );
  return slot ? tx.findOne(Purchase, { id: slot.purchase_id }) : null;
}

/** Gives the slot to a purchase, whoever had it. */
export async function holdSlot(tx: EntityManager, { id: purchaseId, ...purchase }: Purchase): Promise<void> {
  await tx.execute(
    `insert into purchase_slots (user_id, resource_type, resource_id, purchase_id, updated_at)
     values (?, ?, ?, ?, now())
     on conflict (user_id, resource_type, resource_id)
       do update set purchase_id = excluded.purchase_id, updated_at = now()`,
    [...keyOf(purchase), purchaseId],
  );
}

export async function freeSlot(tx: EntityManager, { id: purchaseId, ...purchase }: Purchase): Promise<void> {
  await tx.execute(`delete from purchase_slots where ${IS_IT} and purchase_id = ?`, [
    ...keyOf(purchase),
    purchaseId,
  ]);
}
