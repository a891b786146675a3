import type { EntityManager } from "@mikro-orm/postgresql";
import { wake } from "../jobs/wake.ts";
import { prepared } from "../prepared.ts";
import type { DomainEvent } from "./event-types.ts";

/**
 * Writes events into the outbox and wakes their sending, in the transaction that caused them and under their users'
 * locks. A fact that is already there is not written again. Nothing leaves the service in any other way.
 */
export async function addToOutbox(tx: EntityManager, events: readonly DomainEvent[]): Promise<void> {
  if (events.length === 0) return;
  const users = await prepared<{ id: string; woken: boolean }>(tx, ADD, [JSON.stringify(events)]);
  // see wake(): whoever's events are being sent just then is woken again
  for (const { id, woken } of users) if (!woken) await wake(tx, "outbox", id);
}

/** A fact that one of them tells twice is told once, in its first place. */
const ADD = `
  with given as (
    select distinct on (id) * from rows from (jsonb_to_recordset($1::jsonb)
        as (id uuid, type text, "userId" text, "occurredAt" timestamptz, data jsonb, traceparent text)) with ordinality
        as event (id, type, user_id, occurred_at, data, traceparent, place)
     where not exists (select 1 from outbox known where known.id = event.id)
     order by id, place),
  added as (
    insert into outbox (id, user_id, sequence, type, data, occurred_at, traceparent, next_try_at)
    select id, given.user_id, last.sequence + row_number() over (partition by given.user_id order by place),
           type, data, occurred_at, traceparent, now()
      from given cross join lateral (
        select coalesce(max(sequence), 0) as sequence from outbox where outbox.user_id = given.user_id) as last
    on conflict (id) do nothing returning user_id),
  users as (select distinct user_id as id from added),
  jobs as (
    select array_agg(('outbox', json_build_object('subject', id), null, null, 1, 'outbox:' || id, null, null)
                       ::graphile_worker.job_spec order by id) as all
      from users having count(*) > 0),
  woken as (select key from jobs cross join lateral graphile_worker.add_jobs(jobs.all) as job)
  select users.id, woken.key is not null as woken from users left join woken on woken.key = 'outbox:' || users.id`;

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
