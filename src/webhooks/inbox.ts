import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { wake } from "../jobs/wake.ts";
import { Lanes } from "../lanes.ts";
import { type Logger, plainMessage, withLogScope } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { isPassing } from "../outage.ts";
import type { Arrival } from "../sync/road.ts";
import type { Aggregate, Sync } from "../sync/sync.ts";
import { traced, traceparent } from "../tracing.ts";
import type { WebhookEventSource } from "../types/webhook-event.ts";
import { type Done, DueEvents, keyOf, type Leased } from "./due-events.ts";
import { subjectOf } from "./event-table.ts";
import { withoutIdentity } from "./identity.ts";
import { Intake } from "./intake.ts";

/** After these pauses an event is a dead letter: kept, visible, and replayed by hand. */
const RETRY_SECONDS = [1, 3, 10, 30, 60, 300, 900];
const MAX_ATTEMPTS = RETRY_SECONDS.length + 1;
/** Objects that are synced together at most. */
const TOGETHER = 20;
/** Bursts that are worked on at once: while those of one transaction are written, those of the next two are read. */
const BURSTS = 48;
/** In a flood that work no longer waits for: what is delivered has to be acknowledged beside it. */
const BURSTS_IN_FLOOD = 4;
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
  private readonly intake: Intake;
  private readonly due: DueEvents;
  private readonly lanes = new Lanes(() => (this.intake.isFlooded() ? BURSTS_IN_FLOOD : BURSTS));
  /** Of each customer what waits, and what is worked on. */
  private readonly waiting = new Map<string, Burst>();
  private readonly working = new Map<string, Promise<void>>();

  constructor(
    private readonly em: EntityManager,
    private readonly sync: Sync,
    private readonly livemode: boolean,
    private readonly parts: { clock: Clock; metrics: Metrics; logger: Logger },
  ) {
    this.intake = new Intake(em);
    this.due = new DueEvents(em);
  }

  /**
   * Stores of an event what names no person, under its id, and wakes its work, in one transaction. False when it was
   * there already.
   */
  receive(event: ReceivedEvent, source: WebhookEventSource = "webhook"): Promise<boolean> {
    const subject = event.livemode === this.livemode ? subjectOf(event.type, event.data) : null;
    return this.intake.store({
      ...{ id: event.id, type: event.type, payload: withoutIdentity(event), source },
      aggregate: subject?.aggregate ?? null,
      object_id: subject?.id ?? null,
      api_version: event.api_version ?? null,
      livemode: event.livemode ?? null,
      status: subject ? "pending" : "ignored",
      stored_at: this.parts.clock.now(),
      traceparent: traceparent(),
      key: subject && keyOf(subject.aggregate, subject.id),
      group: subject?.customer ?? null,
    });
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
  work(key: string): Promise<void> {
    return this.workAll([key]);
  }

  /** Works on all events about several objects of one customer that are due: each object is synced once. */
  async workAll(keys: readonly string[], group: string | null = null): Promise<void> {
    await this.intake.calm();
    await this.burst(group ?? this.intake.groupOf(keys[0] ?? ""), keys);
  }

  /** One burst of a customer's is worked on at a time, so that none waits for a lock that another holds. */
  private burst(group: string, keys: readonly string[]): Promise<void> {
    const waiting = this.waiting.get(group);
    for (const key of keys) waiting?.keys.add(key);
    if (waiting) return waiting.done;
    const burst = { keys: new Set(keys), done: Promise.resolve() };
    this.waiting.set(group, burst);
    const before = this.working.get(group)?.catch(() => {});
    burst.done = (before ?? Promise.resolve()).then(() => this.lanes.run(() => this.begin(group, burst)));
    return burst.done;
  }

  private begin(group: string, burst: Burst): Promise<void> {
    this.waiting.delete(group);
    const work = this.workOnDue([...new Set([...burst.keys, ...this.intake.takeStored(group)])]);
    this.working.set(group, work);
    return work.finally(() => this.working.get(group) === work && this.working.delete(group));
  }

  private async workOnDue(keys: readonly string[]): Promise<void> {
    const due = await this.due.lease(keys);
    const seen = due.filter((event) => event.seen).length;
    if (seen > 0) this.parts.metrics.events.inc({ outcome: "done" }, seen);
    const groups = byObject(due.filter((event) => !event.seen));
    if (groups.length === 0) return;
    reached("inbox-leased");
    for (let at = 0; at < groups.length; at += TOGETHER) await this.follow(groups.slice(at, at + TOGETHER));
  }

  private async follow(groups: readonly Group[]): Promise<void> {
    const asked = groups.map(({ newest }) => ({
      ...{ aggregate: newest.aggregate, id: newest.object_id, cause: newest.id },
    }));
    const eventId = groups.map(({ newest }) => newest.id).join();
    const [parent = null, ...links] = groups.flatMap(({ events }) =>
      events.map((event) => event.traceparent),
    );
    const causes = groups.map(({ newest }) => newest.id);
    const span = { kind: "consumer", parent, links, attributes: { "messaging.system": "stripe" } } as const;
    const work = async () => {
      const outcomes = await this.sync.runAll(asked).catch((error: Error) => error);
      reached("inbox-followed");
      const outcomeOf = ({ newest }: Group) =>
        outcomes instanceof Map ? (outcomes.get(newest.object_id) as Arrival | Error) : outcomes;
      await this.finish(groups.map((group) => ({ ...group, outcome: outcomeOf(group) })));
    };
    await withLogScope({ eventId }, () => traced("work on events", span, work, causes));
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

  /** Those that were followed in one statement; those that were not wait, each for its own time. */
  private async finish(groups: readonly (Group & { outcome: Arrival | Error })[]): Promise<void> {
    const done = groups.flatMap(({ events, outcome }) => {
      if (outcome instanceof Error) return [];
      const status: Done["status"] = outcome === "foreign" || outcome === "gone" ? "ignored" : "done";
      return events.map(({ id }): Done => ({ id, status }));
    });
    if (done.length > 0) await this.due.finish(done);
    for (const { status } of done) this.parts.metrics.events.inc({ outcome: status });
    for (const { key, events, outcome } of groups)
      if (outcome instanceof Error) await this.putOff(key, events, outcome);
  }

  /** Each by its own count: a fresh event does not wait as long as an old one about the same object. */
  private async putOff(key: string, events: Leased[], error: unknown): Promise<void> {
    const away = isPassing(error);
    const fates = events.map((event) => (away ? afterOutage(event) : afterFailure(event)));
    const pauses = fates.filter(({ status }) => status === "pending").map(({ pause }) => pause);
    const failed = fates.length - pauses.length;
    this.parts.logger.warn({ err: error, key, isOutage: away, failed }, "an event could not be worked on");
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

/** Objects of one customer that events tell of. */
interface Burst {
  keys: Set<string>;
  done: Promise<void>;
}

/** The events about one object that share its sync. */
interface Group {
  key: string;
  events: Leased[];
  newest: Leased;
}

function byObject(events: readonly Leased[]): Group[] {
  const groups = new Map<string, Group>();
  for (const event of events) {
    const key = keyOf(event.aggregate, event.object_id);
    groups.set(key, { key, events: [...(groups.get(key)?.events ?? []), event], newest: event });
  }
  return [...groups.values()];
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
