import type { EntityManager } from "@mikro-orm/postgresql";
import type { Redis } from "ioredis";
import { reached } from "../crash-points.ts";
import { instantIn } from "../database.ts";
import { Gathering } from "../gathering.ts";
import { wake } from "../jobs/wake.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { prepared } from "../prepared.ts";
import { traced, traceparent } from "../tracing.ts";
import { dropDecisions } from "./decision-store.ts";
import type { EventType } from "./event-types.ts";
import { giveUpIfFrozen, userChannel } from "./redis.ts";
import { STREAM } from "./stream.ts";

const BATCH = 100;
const LEASE_SECONDS = 15;
/** Users whose events are leased, or noted as sent, by one statement at most. */
const TOGETHER = { most: 64, underWay: 2 };
const RETRY_SECONDS = [0.25, 0.5, 1, 2, 3];

interface Row {
  id: string;
  sequence: string;
  user_id: string;
  type: EventType;
  data: Record<string, unknown>;
  occurred_at: string;
  traceparent: string | null;
  /** Made on the first of them, this one included. */
  attempts: number;
}

/** Sends what is in the outbox to Redis: each user's events in order, at least once. */
export class OutboxRelay {
  private readonly leases = new Gathering((userIds: string[]) => this.leaseAll(userIds), TOGETHER);
  private readonly notes = new Gathering((all: Row[][]) => this.noteAll(all), TOGETHER);

  constructor(
    private readonly em: EntityManager,
    private readonly redis: Redis,
    private readonly streamLength: number,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** Sends a user's unsent events. One sender a user at a time: whoever leases the first unsent row. */
  async send(userId: string): Promise<void> {
    for (;;) {
      const rows = await this.leases.ask(userId);
      const attempts = rows[0]?.attempts;
      if (attempts === undefined) return;
      reached("outbox-leased");
      try {
        await this.publish(rows);
        reached("outbox-published");
      } catch (error) {
        giveUpIfFrozen(this.redis, error);
        await this.putOff(userId, attempts, error);
        return;
      }
      await this.notes.ask(rows);
    }
  }

  /** Users with unsent events that nobody is sending, for the sweep. */
  async overdue(limit: number): Promise<string[]> {
    const rows = await this.em.fork().execute<{ user_id: string }[]>(
      `select distinct on (user_id) user_id from outbox
       where sent_at is null and next_try_at < now() - interval '5 seconds'
         and (lease_until is null or lease_until < now()) limit ?`,
      [limit],
    );
    return rows.map((row) => row.user_id);
  }

  /** Of each user the unsent events, the first of which is leased; none when there are none or another sends them. */
  private async leaseAll(userIds: readonly string[]): Promise<Row[][]> {
    const leased = new Map([...new Set(userIds)].map((userId): [string, Row[]] => [userId, []]));
    const rows = await prepared<Row>(this.em, LEASE, [JSON.stringify([...leased.keys()])]);
    for (const row of rows) leased.get(row.user_id)?.push(row);
    // what two ask for is the first one's
    return userIds.map((userId) => leased.get(userId)?.splice(0) ?? []);
  }

  /** In the order of the rows: one that Redis has not taken is not overtaken by the next. */
  private async publish(rows: Row[]): Promise<void> {
    for (const row of rows) {
      const { type, traceparent: parent } = row;
      const span = { kind: "producer", parent, attributes: { "messaging.system": "redis" } } as const;
      await (parent ? traced(`publish ${type}`, span, () => this.publishOne(row)) : this.publishOne(row));
      this.metrics.published.inc({ type });
    }
  }

  /** To the channel of its type, to the stream, and to the user's own channel. */
  private async publishOne(row: Row): Promise<void> {
    const message = JSON.stringify(cloudEvent(row, instantIn(this.em, row.occurred_at) as Date));
    // commands of one tick leave in this order; not a pipeline, since a cluster keeps the keys on several nodes
    await Promise.all([
      // for a change that was made while Redis was away
      row.type === "access.changed" && dropDecisions(this.redis, row.user_id),
      this.redis.xadd(STREAM, "MAXLEN", "~", this.streamLength, "*", "event", message),
      this.redis.publish(row.type, message),
      this.redis.publish(userChannel(row.user_id), JSON.stringify({ id: row.id, type: row.type })),
    ]);
  }

  private async noteAll(sent: readonly Row[][]): Promise<null[]> {
    await prepared(this.em, SENT, [sent.flat().map((row) => row.id)]);
    return sent.map(() => null);
  }

  /** Holds this user's later events back as well, and no one else's. */
  private async putOff(userId: string, attempts: number, error: unknown): Promise<void> {
    const delay = RETRY_SECONDS[Math.min(attempts, RETRY_SECONDS.length) - 1] as number;
    // of a Redis that is known to be away the log has been told
    const level = this.redis.status === "ready" ? "warn" : "debug";
    this.logger[level]({ err: error, delay }, "events cannot be sent to Redis; they wait");
    const em = this.em.fork();
    await em.execute(
      `update outbox set lease_until = null, next_try_at = now() + ? * interval '1 second'
       where id = (select id from outbox where user_id = ? and sent_at is null order by sequence limit 1)`,
      [delay, userId],
    );
    await wake(em, "outbox", userId, delay);
  }
}

const LEASE = `
  with asked as (select jsonb_array_elements_text($1::jsonb) as user_id),
  first as (
    select first.id from asked cross join lateral (
      select id from outbox where outbox.user_id = asked.user_id and sent_at is null order by sequence limit 1) as first),
  due as (
    select id from outbox join first using (id)
     where sent_at is null and next_try_at <= now() and (lease_until is null or lease_until < now())
     for update of outbox skip locked),
  head as (
    update outbox set lease_until = now() + interval '${LEASE_SECONDS} seconds', attempts = attempts + 1
      from due where outbox.id = due.id
    returning user_id, attempts)
  select event.id, event.sequence, event.user_id, event.type, event.data, event.occurred_at, event.traceparent, head.attempts
    from head cross join lateral (
      select * from outbox where outbox.user_id = head.user_id and sent_at is null
       order by sequence limit ${BATCH}) as event
   order by event.user_id, event.sequence`;

const SENT = `
  update outbox set sent_at = now(), lease_until = null
   where id = any($1::uuid[])`;

/** CloudEvents 1.0, with the trace by its own extension (https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md;https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
function cloudEvent(row: Row, occurredAt: Date): Record<string, unknown> {
  return {
    specversion: "1.0",
    id: row.id,
    source: "/payment-service",
    type: row.type,
    subject: row.user_id,
    time: occurredAt.toISOString(),
    datacontenttype: "application/json",
    ...(row.traceparent && { traceparent: traceparent() }),
    data: row.data,
  };
}
