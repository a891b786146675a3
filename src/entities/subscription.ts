import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { SubscriptionEndReason, SubscriptionStatus } from "../types/enums.ts";
import { DateTime } from "../types/scalars.ts";
import { flag, instant, integer, isOpaqueId, nullable, text, uuid } from "./columns.ts";
import type { Plan } from "./plan.ts";

/** States in which a subscription holds the user's one slot, paid for or not. */
export const LIVE_STATUSES: readonly SubscriptionStatus[] = [
  "TRIALING",
  "ACTIVE",
  "PAST_DUE",
  "UNPAID",
  "PAUSED",
];
/** States that nothing leaves again. */
export const ENDED_STATUSES: readonly SubscriptionStatus[] = ["CANCELED", "INCOMPLETE_EXPIRED"];

const END_REASONS: Record<string, SubscriptionEndReason> = {
  cancellation_requested: "REQUESTED",
  payment_failed: "PAYMENT_FAILED",
  payment_disputed: "PAYMENT_DISPUTED",
};

/** Mirror of a Stripe subscription. GraphQL reserves the name Subscription for the root type. */
@Entity({ tableName: "subscriptions" })
@Index({
  name: "subscriptions_by_user",
  expression:
    "create index subscriptions_by_user on subscriptions (user_id, stripe_created_at desc, id desc)",
})
@Check({ name: "subscriptions_user_id", expression: isOpaqueId("user_id") })
@ObjectType("UserSubscription")
@Directive('@key(fields: "id")')
export class Subscription {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Unique({ name: "subscriptions_stripe_subscription" })
  @Property(text())
  stripeSubscriptionId!: string;

  @Property(text())
  stripePriceId!: string;

  /** The plan that was bought: it stays, whatever becomes of the plan's price. */
  @Property(uuid(nullable))
  planId?: string | null;

  /** The plan itself, where it was known when the subscription was read. No column. */
  knownPlan?: Plan | undefined;

  @Field(() => SubscriptionStatus)
  @Property(text())
  status!: SubscriptionStatus;

  @Field(() => Int, { description: "Seats; 1 for personal plans." })
  @Property(integer())
  quantity!: number;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  currentPeriodStart?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  currentPeriodEnd?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  trialEndsAt?: Date | null;

  @Property(flag())
  cancelAtPeriodEnd!: boolean;

  /** When a scheduled cancel takes effect; set by either of Stripe's two ways to schedule one. */
  @Property(instant(nullable))
  cancelAt?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  canceledAt?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  endedAt?: Date | null;

  /** The price that takes the place of this one, how many of it, and when; all null when nothing is to follow. */
  @Property(text(nullable))
  scheduledPriceId?: string | null;

  /** Null also when that price is nobody's plan here. */
  @Property(uuid(nullable))
  scheduledPlanId?: string | null;

  @Property(instant(nullable))
  scheduledAt?: Date | null;

  @Property(integer(nullable))
  scheduledQuantity?: number | null;

  /** The invoice of a change that Stripe makes only once it is paid; null when none waits. */
  @Property(text(nullable))
  pendingInvoiceId?: string | null;

  /** The subscription that was the user's one when this became a second; null unless it did. */
  @Property(text(nullable))
  duplicateOf?: string | null;

  /** Whether it was ever more than an attempt. */
  @Property({ ...flag(), default: true })
  wasLive: boolean = true;

  /** A trial of somebody who has had one before: it is cancelled, and opens nothing until it is. */
  @Property({ ...flag(), default: false })
  isTrialRefused: boolean = false;

  /** Stripe's word for why it ended. */
  @Property(text(nullable))
  cancellationReason?: string | null;

  /** Whether Stripe can charge something when the trial ends. */
  @Property(flag())
  hasPaymentMethod!: boolean;

  /** The method that it is charged to; null: to the customer's default. */
  @Property(text(nullable))
  defaultPaymentMethodId?: string | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  @Field(() => DateTime)
  get createdAt(): Date {
    return this.stripeCreatedAt;
  }

  @Field(() => SubscriptionEndReason, {
    nullable: true,
    description: "Why it ended; null while it has not, and where nobody says.",
  })
  get endReason(): SubscriptionEndReason | null {
    if (!this.hasEnded) return null;
    if (this.isTrialRefused) return "TRIAL_ALREADY_USED";
    if (this.duplicateOf) return "DUPLICATE";
    if (!this.wasLive) return "NEVER_PAID";
    return END_REASONS[this.cancellationReason ?? ""] ?? null;
  }

  /** A trial that ended without a method: nothing was paid for that still runs. */
  get pausedOutOfTrial(): boolean {
    const { status, trialEndsAt, currentPeriodEnd } = this;
    return status === "PAUSED" && trialEndsAt != null && (currentPeriodEnd ?? trialEndsAt) <= trialEndsAt;
  }

  get isLive(): boolean {
    return LIVE_STATUSES.includes(this.status);
  }

  get hasEnded(): boolean {
    return ENDED_STATUSES.includes(this.status);
  }

  /** Stripe schedules a cancel by a flag or, from its portal, by a date. */
  get isCancelScheduled(): boolean {
    return this.cancelAtPeriodEnd || this.cancelAt != null;
  }

  /** A date that somebody set may lie further ahead. */
  @Field({
    name: "cancelAtPeriodEnd",
    description: "Whether it ends, instead of renewing, when the current period does.",
  })
  get endsWithPeriod(): boolean {
    const { cancelAt, currentPeriodEnd } = this;
    return this.cancelAtPeriodEnd || (cancelAt != null && cancelAt <= (currentPeriodEnd ?? cancelAt));
  }
}
