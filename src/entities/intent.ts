import { OptionalProps } from "@mikro-orm/core";
import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { instant, integer, isOneOf, isOpaqueId, json, nullable, text, uuid } from "./columns.ts";

export const INTENT_STATES = ["PENDING", "SUCCEEDED", "FAILED"] as const;
export type IntentState = (typeof INTENT_STATES)[number];

/**
 * What is about to be changed at Stripe, written before the call. PENDING means that the outcome is not
 * known yet: neither failure nor success.
 */
@Entity({ tableName: "intents" })
@Check({ name: "intents_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "intents_state", expression: isOneOf("state", INTENT_STATES) })
@Unique({
  name: "intents_one_pending",
  expression:
    "create unique index intents_one_pending on intents (user_id, kind, subject) where state = 'PENDING'",
})
@Index({
  name: "intents_unsettled",
  expression:
    "create index intents_unsettled on intents (next_try_at) where settled_at is null and state <> 'FAILED'",
})
@Index({
  name: "intents_by_age",
  expression: "create index intents_by_age on intents using brin (created_at)",
})
@Index({
  name: "intents_of_promotions",
  expression: "create index intents_of_promotions on intents (subject) where kind = 'create-promotion'",
})
@Index({ name: "intents_by_subject", properties: ["userId", "kind", "subject"] })
export class Intent {
  [OptionalProps]?: "nextTryAt";

  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Property(text())
  kind!: string;

  /** What it is about, within its kind: at most one intent of a kind and subject is pending at a time. */
  @Property(text())
  subject!: string;

  /** Frozen: a retry sends exactly these. */
  @Property(json())
  params!: Record<string, unknown>;

  @Property(text())
  paramsHash!: string;

  @Property(integer())
  attempt: number = 1;

  @Property(text())
  state: IntentState = "PENDING";

  @Property(text(nullable))
  stripeId?: string | null;

  /** When the attempt was first posted: Stripe forgets its idempotency key 24 hours later. */
  @Property(instant(nullable))
  postedAt?: Date | null;

  /** When our rows had followed what it did; until then it is not done. */
  @Property(instant(nullable))
  settledAt?: Date | null;

  @Property(json(nullable))
  error?: { code: string; message: string; declineCode?: string; field?: string } | null;

  @Property(integer())
  tries: number = 0;

  /** On the database's clock, like the lease. */
  @Property({ ...instant(), defaultRaw: "now()" })
  nextTryAt!: Date;

  /** Who runs it now, until when; on the database's clock. */
  @Property(instant(nullable))
  leaseUntil?: Date | null;

  @Property(instant())
  createdAt: Date = new Date();
}
