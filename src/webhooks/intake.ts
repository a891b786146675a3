import type { EntityManager } from "@mikro-orm/postgresql";
import { LRUCache } from "lru-cache";
import { Gathering } from "../gathering.ts";
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
  /** The trace that it came in, when traces are kept. */
  traceparent?: string | undefined;
  key: string | null;
  group: string | null;
}

/** Objects of which it is remembered in which group the last event about them was. */
const REMEMBERED = 5_000;
/** Keys of a group that are remembered at most as stored: where no worker runs nobody takes them. */
const REMEMBERED_KEYS = 100;
const TOGETHER = 64;
/** Statements under way at once: what arrives meanwhile goes with the next. */
const UNDER_WAY = 2;
/** So many are worth a transaction beside another: each costs as much as several events do. */
const WORTH_ANOTHER = 8;
/**
 * Stores events and wakes their work, each in the transaction that stores it. Those that arrive while others are being
 * stored go together, in one statement: PostgreSQL ends one transaction that wakes somebody after the other, so that
 * a flood of single ones would wait for each other's disk writes.
 */
export class Intake {
  private readonly stores = new Gathering((events: StoredEvent[]) => this.storeAll(events), {
    ...{ most: TOGETHER, underWay: UNDER_WAY, worthAnother: WORTH_ANOTHER },
  });
  private readonly groups = new LRUCache<string, string>({ max: REMEMBERED });
  /** Of each group what has been stored and nobody has waited for since. */
  private readonly stored = new LRUCache<string, Set<string>>({ max: REMEMBERED });
  private readonly rush = new Rush();

  constructor(private readonly em: EntityManager) {}

  /** Resolves once the event is safe. False when it was there already. */
  store(event: StoredEvent): Promise<boolean> {
    const leave = this.rush.enter();
    return this.stores.ask(event).finally(leave);
  }

  /** Waits while events are being stored, see {@link Rush}. */
  async calm(): Promise<void> {
    await this.rush.calm();
  }

  /** Whether so many come that little should be done beside, see {@link Rush}. */
  isFlooded(): boolean {
    return this.rush.isFlood();
  }

  /** The group of what is told of together with this, as far as this process knows. */
  groupOf(key: string): string {
    return this.groups.get(key) ?? key;
  }

  /** What has been stored of a group since this was asked last: whoever works on one of them takes the others along. */
  takeStored(group: string): readonly string[] {
    const stored = [...(this.stored.get(group) ?? [])];
    this.stored.delete(group);
    return stored;
  }

  private async storeAll(events: StoredEvent[]): Promise<boolean[]> {
    const fresh = await this.insert(events);
    // of two copies in one statement one is the first
    return events.map(({ id }) => fresh.delete(id));
  }

  /** The ids of those that were not there. */
  private async insert(events: StoredEvent[]): Promise<Set<string>> {
    const grouped = this.inGroups(events);
    const given = [`[${grouped.map(asJson).join()}]`];
    const rows = await prepared<{ id: string }>(this.em, STORE, given);
    for (const { key, group } of grouped) if (key && group) this.note(group, key);
    return new Set(rows.map(({ id }) => id));
  }

  private note(group: string, key: string): void {
    const stored = this.stored.get(group);
    if (stored && stored.size < REMEMBERED_KEYS) stored.add(key);
    else if (!stored) this.stored.set(group, new Set([key]));
  }

  /** Who does not say whose object it is about belongs to the group of one that did, or is a group alone. */
  private inGroups(events: StoredEvent[]): StoredEvent[] {
    for (const { key, group } of events) if (key && group) this.groups.set(key, group);
    return events.map((event) => {
      const { key, group = null } = event;
      return { ...event, group: group ?? (key && (this.groups.get(key) ?? key)) };
    });
  }
}

/** The payload goes in as the text that it is. */
function asJson({ payload, ...columns }: StoredEvent): string {
  return `{"payload":${payload},${JSON.stringify(columns).slice(1)}`;
}

/** Before each burst that a job names. It is the key of nothing. */
const BURST = "";

/** What is told of one customer together. */
export interface NamedBurst {
  /** The customer, when events said it. */
  group: string | null;
  keys: string[];
}

/**
 * The bursts that a job names: the group of each, and what is to be looked at. A key has a colon and a customer has none:
 * without a customer, as in jobs of earlier versions, a burst begins with its first key.
 */
export function burstsIn(words: readonly string[]): NamedBurst[] {
  const bursts: NamedBurst[] = [];
  for (const word of words) {
    if (word === BURST || bursts.length === 0) bursts.push({ group: null, keys: [] });
    const burst = bursts.at(-1) as NamedBurst;
    if (word.includes(":")) burst.keys.push(word);
    else if (word !== BURST) burst.group = word;
  }
  return bursts;
}

/**
 * In the order of ids, so that two processes that store the same never wait for each other in a circle. One job names
 * all that is to be worked on, group by group. It has no key: to look for a job that waits already, and to change it, would
 * cost several times what it costs to store an event; whoever finds that nothing is due any more has little to do.
 */
const STORE = `
  with given as (
    select * from jsonb_to_recordset($1::jsonb) as given (id text, type text, aggregate text, object_id text,
      api_version text, livemode boolean, payload jsonb, status text, source text, stored_at timestamptz, traceparent text, key text,
      "group" text)),
  stored as (
    insert into stripe_events
      (id, type, aggregate, object_id, api_version, livemode, payload, status, source, stored_at, traceparent, received_at,
       next_try_at)
    select id, type, aggregate, object_id, api_version, livemode, payload, status, source, stored_at, traceparent, now(), now()
      from given order by id
    on conflict (id) do nothing returning id),
  named as (
    select "group", word from stored join given using (id) cross join lateral (values ('${BURST}'), ("group"), (key)) as named (word)
     where key is not null group by "group", word),
  woken as (
    select count(*) as jobs
      from (select json_agg(word order by "group", word <> '${BURST}', word <> "group", word) as all from named having count(*) > 0) as given
     cross join lateral graphile_worker.add_job('inbox', given.all, max_attempts := 1) as added)
  select stored.id from stored cross join woken`;
