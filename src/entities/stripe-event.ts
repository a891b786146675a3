import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { flag, instant, integer, isOneOf, json, nullable, text } from "./columns.ts";

/** The inbox: one row for each event of Stripe's, stored before it is acknowledged. */
@Entity({ tableName: "stripe_events" })
@Check({
  name: "stripe_events_status",
  expression: isOneOf("status", ["pending", "done", "ignored", "failed"]),
})
@Index({
  name: "stripe_events_pending",
  expression:
    "create index stripe_events_pending on stripe_events (aggregate, object_id, next_try_at) where status = 'pending'",
})
@Index({
  name: "stripe_events_failed",
  expression:
    "create index stripe_events_failed on stripe_events (received_at desc, id desc) where status = 'failed'",
})
@Index({
  name: "stripe_events_by_age",
  expression: "create index stripe_events_by_age on stripe_events (received_at desc, id desc)",
})
@Index({
  name: "stripe_events_by_type",
  expression: "create index stripe_events_by_type on stripe_events (type, received_at desc, id desc)",
})
@Check({ name: "stripe_events_source", expression: isOneOf("source", ["webhook", "catch-up"]) })
export class StripeEvent {
  /** `evt_…`: a second delivery finds the first. */
  @PrimaryKey(text())
  id!: string;

  @Property(text())
  type!: string;

  /** What is to be synced because of it; both null for an event that is ignored. */
  @Property(text(nullable))
  aggregate?: string | null;

  @Property(text(nullable))
  objectId?: string | null;

  @Property(text(nullable))
  apiVersion?: string | null;

  @Property(flag(nullable))
  livemode?: boolean | null;

  /** Null once it is as old as `RETAIN_PAYLOAD_DAYS`: the id stays longer. */
  @Property(json(nullable))
  payload?: unknown;

  @Property(text())
  status!: "pending" | "done" | "ignored" | "failed";

  /** A webhook, or Stripe's list of events when its webhook did not arrive. */
  @Property({ ...text(), default: "webhook" })
  source: "webhook" | "catch-up" = "webhook";

  @Property(integer())
  attempts: number = 0;

  /** On the database's clock, like the reads that it is compared with. */
  @Property(instant())
  receivedAt!: Date;

  /** The same on business time, by which it grows old. */
  @Property(instant())
  storedAt!: Date;

  @Property(instant())
  nextTryAt!: Date;

  @Property(instant(nullable))
  leaseUntil?: Date | null;

  @Property(instant(nullable))
  processedAt?: Date | null;

  /** When somebody last had it worked on again; reads that began before do not count for it. */
  @Property(instant(nullable))
  replayedAt?: Date | null;

  @Property(text(nullable))
  lastError?: string | null;

  /** The trace of what wrote it, in which its work goes on; null when none is kept. */
  @Property(text(nullable))
  traceparent?: string | null;
}
