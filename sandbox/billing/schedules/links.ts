import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";

/** A schedule ends with its subscription: completed when its last phase is over, else canceled. */
export function scheduleEnds(tx: Transaction, { schedule: id }: Kinds["subscription"]): void {
  const schedule = id ? tx.get("subscription_schedule", id) : undefined;
  if (schedule?.status !== "active") return;
  const isOver = schedule.phases.at(-1)!.end_date <= tx.now;
  const status = next("subscription_schedule", schedule.status, isOver ? "completed" : "canceled");
  const ended = tx.update("subscription_schedule", schedule.id, {
    status,
    current_phase: null,
    ...(isOver ? { completed_at: tx.now } : { canceled_at: tx.now }),
  });
  tx.emit(`subscription_schedule.${status}`, ended);
}
