import type { EntityManager } from "@mikro-orm/postgresql";
import { Gathering } from "../gathering.ts";
import { wake } from "../jobs/wake.ts";
import { prepared } from "../prepared.ts";
import { Rush } from "./rush.ts";

/**
 * An event as it is stored. `key` is the work that it wakes, `<aggregate>:<object id>`, null for none; keys of one
 * `group` are woken together.
 */
export interface StoredEvent {
  id: string;
  type: string;
  aggregate: string | null;
  object_id: string | null;
  api_version: string | null;
  livemode: boolean | null;
  /** As JSON. */
  payload: string;
  status: "pending" | "ignored";
  source: string;
  stored_at: Date;
  key: string | null;
  group: string | null;
}

const TOGETHER = 64;
/** Statements under way at once: what arrives meanwhile goes with the next. */
const UNDER_WAY = 2;
/**
 * Stores events and wakes their work, each in the transaction that stores it. Those that arrive while others are being
 * stored go together, in one statement: PostgreSQL ends one transaction that wakes somebody after the other, so that
 * a flood of single ones would wait for each other's disk writes.
 */
export class Intake {
  private readonly stores = new Gathering((events: StoredEvent[]) => this.storeAll(events), {
    ...{ most: TOGETHER, underWay: UNDER_WAY },
  });
  private readonly rush = new Rush();

  constructor(private readonly em: EntityManager) {}

  /** Resolves once the event is safe. False when it was there already. */
  store(event: StoredEvent): Promise<boolean> {
    const leave = this.rush.enter();
    return this.stores.ask(event).finally(leave);
  }

  /** Waits while events are being stored, see {@link Rush}. */
  calm(): Promise<void> {
    return this.rush.calm();
  }

  private async storeAll(events: StoredEvent[]): Promise<boolean[]> {
    const fresh = await this.insert(events);
    // of two copies in one statement one is the first
    return events.map(({ id }) => fresh.delete(id));
  }

  /** The ids of those that were not there. */
  private async insert(events: StoredEvent[]): Promise<Set<string>> {
    const given = [`[${inGroups(events).map(asJson).join()}]`];
    const rows = await prepared<{ id: string; key: string | null; woken: boolean }>(this.em, STORE, given);
    // see wake(): a job that was being taken just then is woken again; if that fails too, the sweep finds the row
    for (const key of new Set(rows.filter(({ woken }) => !woken).map((row) => row.key)))
      if (key !== null) await wake(this.em, "inbox", key);
    return new Set(rows.map(({ id }) => id));
  }
}

/** Who does not say whose object it is about belongs to the group of another event about it, or is a group alone. */
function inGroups(events: StoredEvent[]): StoredEvent[] {
  const groups = new Map(events.filter(({ group }) => group).map(({ key, group }) => [key, group]));
  return events.map((event) => ({ ...event, group: event.group ?? groups.get(event.key) ?? event.key }));
}

/** The payload goes in as the text that it is. */
function asJson({ payload, ...columns }: StoredEvent): string {
  return `{"payload":${payload},${JSON.stringify(columns).slice(1)}`;
}

/** In the order of ids and groups, so that two processes that store the same never wait for each other in a circle. */
const STORE = `
  with given as (
    select * from jsonb_to_recordset($1::jsonb) as given (id text, type text, aggregate text, object_id text,
      api_version text, livemode boolean, payload jsonb, status text, source text, stored_at timestamptz, key text,
      "group" text)),
  stored as (
    insert into stripe_events
      (id, type, aggregate, object_id, api_version, livemode, payload, status, source, stored_at, received_at, next_try_at)
    select id, type, aggregate, object_id, api_version, livemode, payload, status, source, stored_at, now(), now()
      from given order by id
    on conflict (id) do nothing returning id),
  fresh as (select id, min(key) as key, min("group") as "group" from stored join given using (id) group by id),
  jobs as (
    select ('inbox', json_agg(distinct key), null, null, 1, 'inbox:of:' || "group", null, null)
             ::graphile_worker.job_spec as job
      from fresh where key is not null group by "group" order by "group"),
  woken as (
    select added.key from (select array_agg(job) as all from jobs having count(*) > 0) as given
     cross join lateral graphile_worker.add_jobs(given.all, job_key_preserve_run_at := true) as added)
  select fresh.id, fresh.key, woken.key is not null as woken
    from fresh left join woken on woken.key = 'inbox:of:' || fresh."group"`;
