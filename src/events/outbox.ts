import type { EntityManager } from "@mikro-orm/postgresql";
import { wake } from "../jobs/wake.ts";
import type { DomainEvent } from "./event-types.ts";

/**
 * Writes events into the outbox, in the transaction that caused them and under their user's lock. A fact that
 * is already there is not written again. Nothing leaves the service in any other way.
 */
export async function addToOutbox(tx: EntityManager, events: readonly DomainEvent[]): Promise<void> {
  let added = 0;
  for (const event of events) {
    const rows = await tx.execute<unknown[]>(
      `insert into outbox (id, user_id, sequence, type, data, occurred_at, next_try_at)
       select ?, ?, coalesce(max(sequence), 0) + 1, ?, ?::jsonb, ?, now() from outbox where user_id = ?
       on conflict (id) do nothing returning 1`,
      [event.id, event.userId, event.type, JSON.stringify(event.data), event.occurredAt, event.userId],
    );
    added += rows.length;
  }
  const userId = events[0]?.userId;
  if (added > 0 && userId) await wake(tx, "outbox", userId);
}

/**
 * Lets go of sent events from before a moment, at most so many; takes both. The last event of each user stays: the next
 * one's place in the order is counted from it.
 */
export const TRIM_OUTBOX = `
  delete from outbox where id in (
    select id from outbox
     where occurred_at < ? and sent_at is not null
       and sequence < (select max(sequence) from outbox latest where latest.user_id = outbox.user_id)
     limit ?)
  returning 1`;
