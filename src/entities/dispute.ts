import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { instant, integer, isCurrency, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

/**
 * Where a dispute stands.
 * - `NONE`: the bank only asks (`warning_*`), or it was prevented; no money moved
 * - `OPEN`: the bank has the money for now, appeals included
 * - `WON`, `LOST`: decided
 */
export type DisputeStanding = "NONE" | "OPEN" | "WON" | "LOST";

/** By when a dispute is to be answered, in SQL; what needs no answer comes last. */
export const DEADLINE = "coalesce(evidence_due_at, 'infinity'::timestamptz)";
/** Whether a dispute waits for our evidence, in SQL. */
export const WAITS_FOR_EVIDENCE = "status in ('needs_response', 'warning_needs_response')";

/** Mirror of a Stripe dispute: a charge that the holder's bank takes back or asks about. */
@Entity({ tableName: "disputes" })
@Check({ name: "disputes_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "disputes_currency", expression: isCurrency("currency") })
@Check({ name: "disputes_amount", expression: "amount_minor >= 0" })
@Index({
  name: "disputes_by_deadline",
  expression: `create index disputes_by_deadline on disputes ((${DEADLINE}), id)`,
})
@Index({
  name: "disputes_to_answer",
  expression: `create index disputes_to_answer on disputes ((${DEADLINE}), id) where ${WAITS_FOR_EVIDENCE}`,
})
export class Dispute {
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Unique({ name: "disputes_stripe_dispute" })
  @Property(text())
  stripeDisputeId!: string;

  @Index({ name: "disputes_by_payment" })
  @Property(text())
  stripePaymentIntentId!: string;

  @Property(text())
  stripeChargeId!: string;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  /** Stripe's word; see {@link standingOf} for what it means. */
  @Property(text())
  status!: string;

  @Property(text())
  reason!: string;

  /** Until when it can be answered. */
  @Property(instant(nullable))
  evidenceDueAt?: Date | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  get standing(): DisputeStanding {
    return standingOf(this.status);
  }

  /** Whether the payment's money is gone because of it, for now or for good. */
  get counts(): boolean {
    return this.standing === "OPEN" || this.standing === "LOST";
  }
}

/** What Stripe's word for a dispute's state means; one that Stripe has added since counts as open. */
export function standingOf(status: string): DisputeStanding {
  if (status === "prevented" || status.startsWith("warning_")) return "NONE";
  if (status === "won") return "WON";
  return status === "lost" ? "LOST" : "OPEN";
}
