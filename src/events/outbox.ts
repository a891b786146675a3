import type { EntityManager } from "@mikro-orm/postgresql";
import { wake } from "../jobs/wake.ts";
import { prepared } from "../prepared.ts";
import type { DomainEvent } from "./event-types.ts";

/**
 * Writes events into the outbox, in the transaction that caused them and under their user's lock. A fact that
 * is already there is not written again. Nothing leaves the service in any other way.
 */
export async function addToOutbox(tx: EntityManager, events: readonly DomainEvent[]): Promise<void> {
  const userId = events[0]?.userId;
  if (userId === undefined) return;
  const added = await prepared(tx, ADD, [userId, JSON.stringify(events)]);
  if (added.length > 0) await wake(tx, "outbox", userId);
}

/** A fact that one of them tells twice is told once, in its first place. */
const ADD = `
  with last as (select coalesce(max(sequence), 0) as sequence from outbox where user_id = $1),
  given as (
    select distinct on (id) * from rows from (jsonb_to_recordset($2::jsonb)
        as (id uuid, type text, "userId" text, "occurredAt" timestamptz, data jsonb)) with ordinality
        as event (id, type, user_id, occurred_at, data, place)
     where not exists (select 1 from outbox known where known.id = event.id)
     order by id, place)
  insert into outbox (id, user_id, sequence, type, data, occurred_at, next_try_at)
  select id, user_id, last.sequence + row_number() over (order by place), type, data, occurred_at, now()
    from given cross join last
  on conflict (id) do nothing returning 1`;

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
