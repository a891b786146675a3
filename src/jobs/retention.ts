import type { EntityManager } from "@mikro-orm/postgresql";
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { TRIM_OUTBOX } from "../events/outbox.ts";
import { trimStream } from "../events/stream.ts";
import { INTENT_KINDS } from "../intents/kinds.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";

const BATCH = 1_000;
const DAY_MS = 86_400_000;
/** A pass ends by then, and the next goes on: no job may run as long as one whose process has died. */
const LONGEST_PASS_MS = 60_000;

/** What is trimmed, by the names under which it is counted. */
export const TRIMMED = [
  "event_payloads",
  "events",
  "idempotency_keys",
  "outbox",
  "intents",
  "sync_tickets",
  "expiry_notices",
  "stream",
] as const;
export type Trimmed = Record<(typeof TRIMMED)[number], number>;

/** What retention is made with. */
export interface RetentionParts {
  redis: Redis;
  clock: Clock;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Lets go of what has had its time: by age on business time, in batches that lock few rows for a moment. What is not
 * done (pending or failed events, unsent events, unsettled intents) is never let go of, however old it is.
 */
export class Retention {
  /** On real time. */
  private endsAt = 0;
  private isStopping = false;

  constructor(
    private readonly em: EntityManager,
    private readonly days: Config["retention"],
    private readonly parts: RetentionParts,
  ) {}

  /** One pass over everything, a minute at most; what is left is the next one's. Returns how much went. */
  async trim(): Promise<Trimmed> {
    this.endsAt = Date.now() + LONGEST_PASS_MS;
    const { payloadDays, eventIdDays, keyDays, outboxDays, intentDays } = this.days;
    const trimmed: Trimmed = {
      events: await this.inBatches(EVENTS, [this.before(eventIdDays), this.before(eventIdDays)]),
      event_payloads: await this.trimPayloads(this.before(payloadDays)),
      idempotency_keys: await this.inBatches(KEYS, [this.before(keyDays)]),
      outbox: await this.inBatches(TRIM_OUTBOX, [this.before(outboxDays), BATCH]),
      intents: await this.inBatches(INTENTS, [this.before(intentDays), JSON.stringify(ONCE)]),
      sync_tickets: await this.trimTickets(intentDays),
      expiry_notices: await this.inBatches(NOTICES, [this.before(intentDays), this.before(intentDays)]),
      stream: await this.trimStream(this.before(outboxDays)),
    };
    for (const [what, count] of Object.entries(trimmed)) this.parts.metrics.trimmed.inc({ what }, count);
    return trimmed;
  }

  /** No more than the batch that is begun, and one of each that follows; the next pass does the rest. */
  stop(): void {
    this.isStopping = true;
  }

  private get isOver(): boolean {
    return this.isStopping || Date.now() > this.endsAt;
  }

  private before(days: number): Date {
    return new Date(this.parts.clock.now().getTime() - days * DAY_MS);
  }

  private async inBatches(sql: string, params: unknown[]): Promise<number> {
    for (let count = 0; ; ) {
      const rows = await this.em.fork().execute<unknown[]>(sql, params);
      count += rows.length;
      if (rows.length < BATCH || this.isOver) return count;
    }
  }

  /** Goes on from the latest of the batch before: what lies behind has been trimmed already. */
  private async trimPayloads(before: Date): Promise<number> {
    let from = "-infinity";
    for (let count = 0; ; ) {
      const [batch] = await this.em
        .fork()
        .execute<{ gone: string; last: string | null }[]>(PAYLOADS, [before, before, from]);
      count += Number(batch?.gone ?? 0);
      if (!batch?.last || Number(batch.gone) < BATCH || this.isOver) return count;
      from = batch.last;
    }
  }

  /** Page by page in the order of the key: tickets are renewed all the time, so they have no index by age. */
  private async trimTickets(days: number): Promise<number> {
    let after = "";
    for (let count = 0; ; ) {
      const [page] = await this.em
        .fork()
        .execute<{ last: string | null; seen: string; gone: string }[]>(TICKETS, [after, days]);
      count += Number(page?.gone ?? 0);
      if (!page?.last || Number(page.seen) < BATCH || this.isOver) return count;
      after = page.last;
    }
  }

  private async trimStream(before: Date): Promise<number> {
    try {
      return await trimStream(this.parts.redis, before);
    } catch (error) {
      this.parts.logger.warn({ err: error }, "the stream of events could not be trimmed; the next pass will");
      return 0;
    }
  }
}

/** Kinds whose rows say that something has happened for good. */
const ONCE = Object.entries(INTENT_KINDS).flatMap(([name, { once }]) => (once ? [name] : []));

/*
 * Business time is never behind the database's, so `received_at`, which has an index, bounds what is looked at.
 */
const EVENTS = `
  delete from stripe_events where status in ('done', 'ignored') and id in (
    select id from stripe_events where received_at < ? and stored_at < ? and status in ('done', 'ignored')
     order by received_at limit ${BATCH})
  returning 1`;

const PAYLOADS = `
  with gone as (
    update stripe_events set payload = null where status in ('done', 'ignored') and id in (
      select id from stripe_events
       where received_at < ? and stored_at < ? and received_at >= ?::timestamptz
         and status in ('done', 'ignored') and payload is not null
       order by received_at limit ${BATCH})
    returning received_at)
  select count(*) as gone, max(received_at)::text as last from gone`;

/** A call that died without an answer leaves its key, too; one that still runs is left alone. */
const KEYS = `
  delete from idempotency_keys where (caller_id, key) in (
    select caller_id, key from idempotency_keys
     where created_at < ? and (lease_until is null or lease_until < now())
     order by created_at limit ${BATCH})
  returning 1`;

/** Those that happen once keep saying so. */
const INTENTS = `
  delete from intents where id in (
    select id from intents
     where created_at < ?
       and (state = 'FAILED' or state = 'SUCCEEDED' and settled_at is not null
            and kind not in (select jsonb_array_elements_text(?::jsonb)))
       and not exists (select 1 from subscription_slots where intent_id = intents.id)
     limit ${BATCH})
  returning 1`;

/** No read takes days: when the latest ticket is that old, nobody holds one, and the order may begin anew. */
const TICKETS = `
  with page as (select object_id from sync_tickets where object_id > ? order by object_id limit ${BATCH}),
  gone as (
    delete from sync_tickets using page
     where sync_tickets.object_id = page.object_id and issued_at < now() - ? * interval '1 day' returning 1)
  select (select max(object_id) from page) as last, (select count(*) from page) as seen,
         (select count(*) from gone) as gone`;

/** Of months that are over: their cards are looked at no more. */
const NOTICES = `
  delete from expiry_notices where (stripe_payment_method_id, exp_year, exp_month) in (
    select stripe_payment_method_id, exp_year, exp_month from expiry_notices
     where (exp_year, exp_month) < (extract(year from ?::timestamptz at time zone 'UTC')::int,
                                    extract(month from ?::timestamptz at time zone 'UTC')::int)
     limit ${BATCH})
  returning 1`;
