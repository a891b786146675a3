import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { ProviderUnavailable } from "../errors.ts";
import { wake } from "../jobs/wake.ts";
import { type Logger, plainMessage, withLogScope } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { isConnectionFailure } from "../outage.ts";
import type { Aggregate, Sync } from "../sync/sync.ts";
import type { WebhookEventSource } from "../types/webhook-event.ts";
import { subjectOf } from "./event-table.ts";

const LEASE_SECONDS = 30;
/** After these pauses an event is a dead letter: kept, visible, and replayed by hand. */
const RETRY_SECONDS = [1, 3, 10, 30, 60, 300, 900];
const MAX_ATTEMPTS = RETRY_SECONDS.length + 1;
/** While Stripe or the database is away each pause is twice the one before, up to this, and no attempt counts. */
const LONGEST_PAUSE_SECONDS = 900;

/** An event of Stripe's as it arrives, thin ones included. */
export interface ReceivedEvent {
  id: string;
  type: string;
  livemode?: boolean;
  api_version?: string | null;
  data?: unknown;
}

/** The inbox: events are stored before they are acknowledged, and worked on until they are done. */
export class Inbox {
  constructor(
    private readonly em: EntityManager,
    private readonly sync: Sync,
    private readonly livemode: boolean,
    private readonly parts: { clock: Clock; metrics: Metrics; logger: Logger },
  ) {}

  /** Stores an event under its id and wakes its work, in one statement. False when it was there already. */
  async receive(event: ReceivedEvent, source: WebhookEventSource = "webhook"): Promise<boolean> {
    const subject = event.livemode === this.livemode ? subjectOf(event.type, event.data) : null;
    const key = subject && keyOf(subject.aggregate, subject.id);
    const em = this.em.fork();
    const [stored] = await em.execute<{ woken: boolean }[]>(RECEIVE, [
      event.id,
      event.type,
      subject?.aggregate ?? null,
      subject?.id ?? null,
      event.api_version ?? null,
      event.livemode ?? null,
      JSON.stringify(event),
      subject ? "pending" : "ignored",
      source,
      this.parts.clock.now(),
      key,
      key,
    ]);
    // see wake(): a job that was being taken just then is woken again; if that fails too, the sweep finds the row
    if (stored && key && !stored.woken) await wake(em, "inbox", key);
    return stored !== undefined;
  }

  /** Those of these ids that the inbox does not have. */
  async lacking(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.em.fork().execute<{ id: string }[]>(
      `select asked.id from jsonb_array_elements_text(?::jsonb) as asked (id)
       where not exists (select 1 from stripe_events known where known.id = asked.id)`,
      [JSON.stringify(ids)],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Works on all events about one object that are due: they share one sync. */
  async work(key: string): Promise<void> {
    const [aggregate, objectId] = partsOf(key);
    await this.finishSeen(aggregate, objectId);
    const events = await this.lease(aggregate, objectId);
    const newest = events.at(-1);
    if (!newest) return;
    reached("inbox-leased");
    await withLogScope({ eventId: newest.id }, async () => {
      try {
        const arrival = await this.sync.run(aggregate, objectId, newest.id);
        reached("inbox-followed");
        await this.finish(events, arrival === "foreign" || arrival === "gone" ? "ignored" : "done");
      } catch (error) {
        await this.putOff(key, events, error);
      }
    });
  }

  /** Objects with events that are due and that nobody is working on, for the sweep. */
  async overdue(limit: number): Promise<string[]> {
    const rows = await this.em.fork().execute<{ aggregate: Aggregate; object_id: string }[]>(
      `select distinct aggregate, object_id from stripe_events
       where status = 'pending' and next_try_at < now() - interval '5 seconds'
         and (lease_until is null or lease_until < now()) limit ?`,
      [limit],
    );
    return rows.map((row) => keyOf(row.aggregate, row.object_id));
  }

  /**
   * New events that came before a read that is written by now: it has seen what they tell. Not those that were tried
   * before: the try may have been cut short after that read.
   */
  private async finishSeen(aggregate: Aggregate, objectId: string): Promise<void> {
    const seen = await this.em.fork().execute<unknown[]>(
      `update stripe_events set status = 'done', processed_at = now()
       where status = 'pending' and aggregate = ? and object_id = ? and attempts = 0 and last_error is null
         and greatest(received_at, replayed_at) < (select read_at from sync_tickets where object_id = ?) returning 1`,
      [aggregate, objectId, objectId],
    );
    if (seen.length > 0) this.parts.metrics.events.inc({ outcome: "done" }, seen.length);
  }

  private lease(aggregate: Aggregate, objectId: string): Promise<Leased[]> {
    return this.em.fork().execute<Leased[]>(
      `with due as (
         select id, extract(epoch from next_try_at - lease_until)::float8 as pause from stripe_events
          where status = 'pending' and aggregate = ? and object_id = ? and next_try_at <= now()
            and (lease_until is null or lease_until < now())
          order by received_at for update skip locked),
       leased as (
         update stripe_events set attempts = attempts + 1, lease_until = now() + interval '${LEASE_SECONDS} seconds'
          where id in (select id from due) returning id, attempts, received_at)
       select id, attempts, pause from leased join due using (id) order by received_at`,
      [aggregate, objectId],
    );
  }

  private async finish(events: Leased[], status: "done" | "ignored"): Promise<void> {
    await this.em.fork().execute(
      `update stripe_events set status = ?, processed_at = now(), lease_until = null, last_error = null
       where id in (select jsonb_array_elements_text(?::jsonb))`,
      [status, idsOf(events)],
    );
    this.parts.metrics.events.inc({ outcome: status }, events.length);
  }

  /** Each by its own count: a fresh event does not wait as long as an old one about the same object. */
  private async putOff(key: string, events: Leased[], error: unknown): Promise<void> {
    const isOutage = error instanceof ProviderUnavailable || isConnectionFailure(error);
    const fates = events.map((event) => (isOutage ? afterOutage(event) : afterFailure(event)));
    const pauses = fates.filter(({ status }) => status === "pending").map(({ pause }) => pause);
    const failed = fates.length - pauses.length;
    this.parts.logger.warn({ err: error, key, isOutage, failed }, "an event could not be worked on");
    const em = this.em.fork();
    // the lease ends now: what lies between it and the next try is the pause, which the next pause builds on
    await em.execute(
      `update stripe_events event set lease_until = now(), last_error = ?, attempts = fate.attempts,
         status = fate.status, next_try_at = now() + fate.pause * interval '1 second'
       from jsonb_to_recordset(?::jsonb) as fate (id text, attempts int, status text, pause float8)
       where event.id = fate.id`,
      [plainMessage(error).slice(0, 1_000), JSON.stringify(fates)],
    );
    this.parts.metrics.events.inc({ outcome: "failed" }, failed);
    // those that wait longer are woken by the sweep
    if (pauses.length > 0) await wake(em, "inbox", key, Math.min(...pauses));
  }
}

const RECEIVE = `
  with stored as (
    insert into stripe_events
      (id, type, aggregate, object_id, api_version, livemode, payload, status, source, stored_at, received_at, next_try_at)
    values (?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, now(), now())
    on conflict (id) do nothing returning status)
  select case when stored.status = 'pending' then (graphile_worker.add_job(
    'inbox', json_build_object('subject', ?::text), max_attempts := 1, job_key := 'inbox:' || ?::text)).id is not null
  end as woken from stored`;

interface Leased {
  id: string;
  /** This one included, and those that a process began and did not live to end. */
  attempts: number;
  /** Seconds that it waited for this attempt, when an earlier one failed. */
  pause: number | null;
}

interface Fate {
  id: string;
  attempts: number;
  status: "pending" | "failed";
  pause: number;
}

function afterFailure({ id, attempts }: Leased): Fate {
  const pause = RETRY_SECONDS[attempts - 1] ?? 0;
  return { id, attempts, pause, status: attempts >= MAX_ATTEMPTS ? "failed" : "pending" };
}

/** Stripe was told that we have the event, so it is ours to wait, for as long as it takes. */
function afterOutage({ id, attempts, pause }: Leased): Fate {
  const next = Math.min(Math.max(1, 2 * (pause ?? 0)), LONGEST_PAUSE_SECONDS);
  return { id, attempts: attempts - 1, pause: next, status: "pending" };
}

const idsOf = (events: Leased[]) => JSON.stringify(events.map((event) => event.id));
const keyOf = (aggregate: Aggregate, id: string) => `${aggregate}:${id}`;

function partsOf(key: string): [Aggregate, string] {
  const at = key.indexOf(":");
  return [key.slice(0, at) as Aggregate, key.slice(at + 1)];
}
