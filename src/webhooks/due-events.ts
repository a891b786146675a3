import type { EntityManager } from "@mikro-orm/postgresql";
import { Gathering } from "../gathering.ts";
import { prepared } from "../prepared.ts";
import type { Aggregate } from "../sync/sync.ts";

const LEASE_SECONDS = 30;
/** Jobs whose events are leased, or finished, by one statement at most. */
const TOGETHER = { most: 64, underWay: 2 };

/** An event that is to be worked on. */
export interface Leased {
  id: string;
  aggregate: Aggregate;
  object_id: string;
  /** What it tells has been read since: there is nothing to do. */
  seen: boolean;
  /** This one included, and those that a process began and did not live to end. */
  attempts: number;
  /** Seconds that it waited for this attempt, when an earlier one failed. */
  pause: number | null;
  /** The trace that it came in, when traces are kept. */
  traceparent: string | null;
}

/** An event that has been worked on. */
export interface Done {
  id: string;
  status: "done" | "ignored";
}

/** The events of the inbox that are due: who works on them, and that they have been. Jobs of one moment share statements. */
export class DueEvents {
  private readonly leases = new Gathering((all: (readonly string[])[]) => this.leaseAll(all), TOGETHER);
  private readonly ends = new Gathering((all: (readonly Done[])[]) => this.finishAll(all), TOGETHER);

  constructor(private readonly em: EntityManager) {}

  /**
   * Leases what is due about some objects, and finishes at once what has been seen: new events that came before a read
   * that is written by now. Not those that were tried before: the try may have been cut short after that read.
   */
  lease(keys: readonly string[]): Promise<Leased[]> {
    return this.leases.ask(keys);
  }

  async finish(done: readonly Done[]): Promise<void> {
    await this.ends.ask(done);
  }

  /** What two ask for is the first one's. */
  private async leaseAll(all: (readonly string[])[]): Promise<Leased[][]> {
    const askers = new Map(all.flatMap((keys, at) => keys.map((key) => [key, at] as const)).reverse());
    const objects = [...askers.keys()].map(partsOf).map(([aggregate, id]) => ({ aggregate, id }));
    const rows = await prepared<Leased>(this.em, LEASE, [JSON.stringify(objects)]);
    const leased: Leased[][] = all.map(() => []);
    for (const row of rows) leased[askers.get(keyOf(row.aggregate, row.object_id)) ?? 0]?.push(row);
    return leased;
  }

  private async finishAll(all: (readonly Done[])[]): Promise<null[]> {
    await prepared(this.em, FINISH, [JSON.stringify(all.flat())]);
    return all.map(() => null);
  }
}

/** Looked up object by object: in a flood PostgreSQL has not counted what is pending, and would read all of it. */
const LEASE = `
  with asked as (
    select aggregate, id as object_id from jsonb_to_recordset($1::jsonb) as asked (aggregate text, id text)),
  due as (
    select event.id, extract(epoch from next_try_at - lease_until)::float8 as pause,
           coalesce(attempts = 0 and last_error is null and greatest(received_at, replayed_at) <
             (select read_at from sync_tickets where object_id = asked.object_id), false) as seen
      from asked cross join lateral (
        select id, attempts, next_try_at, lease_until, last_error, received_at, replayed_at
          from stripe_events pending
         where pending.aggregate = asked.aggregate and pending.object_id = asked.object_id and status = 'pending'
           and next_try_at <= now() and (lease_until is null or lease_until < now())
         for update skip locked) as event),
  taken as (
    update stripe_events event
       set attempts = event.attempts + case when seen then 0 else 1 end,
           lease_until = case when not seen then now() + interval '${LEASE_SECONDS} seconds' end,
           status = case when seen then 'done' else status end,
           processed_at = case when seen then now() end
      from due where event.id = due.id
    returning event.id, event.aggregate, event.object_id, event.attempts, event.received_at, due.pause, due.seen,
              event.traceparent)
  select id, aggregate, object_id, attempts, pause, seen, traceparent from taken order by received_at, id`;

const FINISH = `
  update stripe_events event set status = done.status, processed_at = now(), lease_until = null, last_error = null
    from jsonb_to_recordset($1::jsonb) as done (id text, status text) where event.id = done.id`;

export const keyOf = (aggregate: Aggregate, id: string) => `${aggregate}:${id}`;

function partsOf(key: string): [Aggregate, string] {
  const at = key.indexOf(":");
  return [key.slice(0, at) as Aggregate, key.slice(at + 1)];
}
