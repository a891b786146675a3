import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { instant, integer, isOpaqueId, json, minor, nullable, text, uuid } from "./columns.ts";

/** The outbox: an event written in the transaction that caused it, sent to Redis at least once. */
@Entity({ tableName: "outbox" })
@Check({ name: "outbox_user_id", expression: isOpaqueId("user_id") })
@Unique({ name: "outbox_order", properties: ["userId", "sequence"] })
@Index({
  name: "outbox_unsent",
  expression: "create index outbox_unsent on outbox (user_id, sequence) where sent_at is null",
})
@Index({
  name: "outbox_by_age",
  expression: "create index outbox_by_age on outbox using brin (occurred_at)",
})
export class OutboxEvent {
  /** Derived from the fact, so that the same fact has the same id for ever. */
  @PrimaryKey(uuid())
  id!: string;

  @Property(text())
  userId!: string;

  /** 1, 2, 3 … within the user, counted under the lock of the user; the order in which events leave. */
  @Property(minor())
  sequence!: number;

  @Property(text())
  type!: string;

  @Property(json())
  data!: Record<string, unknown>;

  @Property(instant())
  occurredAt!: Date;

  @Property(instant(nullable))
  sentAt?: Date | null;

  @Property(integer())
  attempts: number = 0;

  @Property(instant())
  nextTryAt!: Date;

  @Property(instant(nullable))
  leaseUntil?: Date | null;

  /** The trace of what wrote it, in which its work goes on; null when none is kept. */
  @Property(text(nullable))
  traceparent?: string | null;
}
