import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { connectionOf } from "../types/connection.ts";
import { DisputeStanding } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isCurrency, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

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
@ObjectType({ description: "A charge that the holder's bank takes back, or asks about." })
export class Dispute {
  @Field(() => ID)
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

  /** Stripe may add words; see {@link standingOf} for what they mean. */
  @Field({ description: "Stripe's own word, e.g. `needs_response` or `warning_under_review`." })
  @Property(text())
  status!: string;

  @Field({ description: "What the holder says is wrong, in Stripe's word, e.g. `fraudulent`." })
  @Property(text())
  reason!: string;

  @Field(() => DateTime, { nullable: true, description: "Until when evidence can be handed in." })
  @Property(instant(nullable))
  evidenceDueAt?: Date | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  @Field(() => MonetaryAmount)
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }

  @Field(() => DateTime)
  get openedAt(): Date {
    return this.stripeCreatedAt;
  }

  @Field(() => DisputeStanding)
  get standing(): DisputeStanding {
    return standingOf(this.status);
  }

  /** Whether the payment's money is gone because of it, for now or for good. */
  get counts(): boolean {
    return this.standing === "OPEN" || this.standing === "LOST";
  }
}

export const DisputeConnection = connectionOf("Dispute", Dispute);

/** What Stripe's word for a dispute's state means; one that Stripe has added since counts as open. */
export function standingOf(status: string): DisputeStanding {
  if (status === "prevented" || status.startsWith("warning_")) return "NONE";
  if (status === "won") return "WON";
  return status === "lost" ? "LOST" : "OPEN";
}
