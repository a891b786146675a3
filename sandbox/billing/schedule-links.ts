import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";

/** A schedule whose subscription has been canceled is over. */
export function scheduleEnds(tx: Transaction, { schedule: id }: Kinds["subscription"]): void {
  const schedule = id ? tx.get("subscription_schedule", id) : undefined;
  if (schedule?.status !== "active") return;
  const canceled = tx.update("subscription_schedule", schedule.id, {
    status: "canceled",
    canceled_at: tx.now,
    current_phase: null,
  });
  tx.emit("subscription_schedule.canceled", canceled);
}
