import type { EntityManager } from "@mikro-orm/postgresql";
import type { Redis } from "ioredis";
import { reached } from "../crash-points.ts";
import { instantIn } from "../database.ts";
import { wake } from "../jobs/wake.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { prepared } from "../prepared.ts";
import { dropDecisions } from "./decision-store.ts";
import type { EventType } from "./event-types.ts";
import { giveUpIfFrozen, userChannel } from "./redis.ts";
import { STREAM } from "./stream.ts";

const BATCH = 100;
const LEASE_SECONDS = 15;
const RETRY_SECONDS = [0.25, 0.5, 1, 2, 3];

interface Row {
  id: string;
  sequence: string;
  user_id: string;
  type: EventType;
  data: Record<string, unknown>;
  occurred_at: string;
  /** Made on the first of them, this one included. */
  attempts: number;
}

/** Sends what is in the outbox to Redis: each user's events in order, at least once. */
export class OutboxRelay {
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
      const rows = await this.lease(userId);
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
      await this.markSent(rows);
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

  /** The user's unsent events, the first of which is leased; none when there are none or another sends them. */
  private lease(userId: string): Promise<Row[]> {
    return prepared<Row>(this.em, LEASE, [userId]);
  }

  /** In the order of the rows: one that Redis has not taken is not overtaken by the next. */
  private async publish(rows: Row[]): Promise<void> {
    for (const row of rows) {
      const message = JSON.stringify(cloudEvent(row, instantIn(this.em, row.occurred_at) as Date));
      // to the channel of its type, to the stream, and to the user's own channel
      // commands of one tick leave in this order; not a pipeline, since a cluster keeps the keys on several nodes
      await Promise.all([
        // for a change that was made while Redis was away
        row.type === "access.changed" && dropDecisions(this.redis, row.user_id),
        this.redis.xadd(STREAM, "MAXLEN", "~", this.streamLength, "*", "event", message),
        this.redis.publish(row.type, message),
        this.redis.publish(userChannel(row.user_id), JSON.stringify({ id: row.id, type: row.type })),
      ]);
      this.metrics.published.inc({ type: row.type });
    }
  }

  private async markSent(rows: Row[]): Promise<void> {
    await prepared(this.em, SENT, [JSON.stringify(rows.map((row) => row.id))]);
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
  with head as (
    update outbox set lease_until = now() + interval '${LEASE_SECONDS} seconds', attempts = attempts + 1
     where id = (select id from outbox where user_id = $1 and sent_at is null order by sequence limit 1)
       and sent_at is null and next_try_at <= now() and (lease_until is null or lease_until < now())
    returning attempts)
  select event.id, sequence, user_id, type, data, occurred_at, head.attempts from outbox event cross join head
   where user_id = $1 and sent_at is null order by sequence limit ${BATCH}`;

const SENT = `
  update outbox set sent_at = now(), lease_until = null
   where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`;

/** CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). */
function cloudEvent(row: Row, occurredAt: Date): Record<string, unknown> {
  return {
    specversion: "1.0",
    id: row.id,
    source: "/payment-service",
    type: row.type,
    subject: row.user_id,
    time: occurredAt.toISOString(),
    datacontenttype: "application/json",
    data: row.data,
  };
}
