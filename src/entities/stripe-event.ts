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
@Index({ name: "stripe_events_by_age", properties: ["receivedAt"] })
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

  @Property(json())
  payload!: unknown;

  @Property(text())
  status!: "pending" | "done" | "ignored" | "failed";

  @Property(integer())
  attempts: number = 0;

  @Property(instant())
  receivedAt!: Date;

  @Property(instant())
  nextTryAt!: Date;

  @Property(instant(nullable))
  leaseUntil?: Date | null;

  @Property(instant(nullable))
  processedAt?: Date | null;

  @Property(text(nullable))
  lastError?: string | null;
}
