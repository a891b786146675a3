import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Field, ID, Int, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { chargeable } from "../currencies.ts";
import { AccessScope, DiscountDuration, PurchasableType } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { flag, instant, integer, isCurrency, isOneOf, minor, nullable, text, uuid } from "./columns.ts";

/** What a code may look like: Stripe takes the same letters. */
export const CODE_FORM = /^[A-Za-z0-9-]{3,40}$/;
/** Bounds of what one code may do; what is more is a mistake. */
export const MAX_REDEMPTIONS = 1_000_000;
export const MAX_PER_USER = 1_000;
export const MAX_DAYS = 3_650;
export const MAX_MONTHS = 36;

/** How a code is found: whoever types it may use any case. */
export const codeKeyOf = (typed: string) => typed.trim().toUpperCase();

@ObjectType({ description: "Access that a code gives." })
export class PromotionAccess {
  @Field(() => AccessScope)
  scope!: AccessScope;

  @Field(() => ID, { nullable: true, description: "The course or path; null for PLATFORM." })
  resourceId!: string | null;

  @Field(() => Int, { nullable: true, description: "For how many days; null: for good." })
  days!: number | null;
}

@ObjectType({ description: "What a code takes off: a percentage or an amount." })
export class PromotionDiscount {
  @Field(() => Int, { nullable: true })
  percentOff!: number | null;

  @Field(() => MonetaryAmount, { nullable: true })
  amountOff!: MonetaryAmount | null;

  @Field(() => DiscountDuration)
  duration!: DiscountDuration;

  @Field(() => Int, { nullable: true, description: "With REPEATING: the bills of how many months." })
  months!: number | null;

  @Field(() => ID, { nullable: true, description: "The only plan it is for." })
  planId!: string | null;

  @Field(() => PurchasableType, { nullable: true })
  resourceType!: PurchasableType | null;

  @Field(() => ID, { nullable: true, description: "The only course or path it is for." })
  resourceId!: string | null;

  @Field({ description: "Only for whoever has never paid anything." })
  firstTimeOnly!: boolean;
}

/**
 * A code that gives access, or a discount: exactly one of the two. What it does never changes, so that what was
 * promised with it stays true; it is only deactivated.
 */
@Entity({ tableName: "promotions" })
@Unique({
  name: "promotions_active_code",
  expression:
    "create unique index promotions_active_code on promotions (code_key) where deactivated_at is null",
})
@Index({
  name: "promotions_by_code",
  expression: "create index promotions_by_code on promotions (code_key, created_at desc, id desc)",
})
@Index({
  name: "promotions_by_age",
  expression: "create index promotions_by_age on promotions (created_at desc, id desc)",
})
@Check({ name: "promotions_code", expression: "code ~ '^[A-Za-z0-9-]{3,40}$' and code_key = upper(code)" })
@Check({ name: "promotions_window", expression: "starts_at < ends_at" })
@Check({
  name: "promotions_caps",
  expression: `max_redemptions >= 1 and max_redemptions <= ${MAX_REDEMPTIONS}`,
})
@Check({ name: "promotions_user_cap", expression: `max_per_user >= 1 and max_per_user <= ${MAX_PER_USER}` })
@Check({ name: "promotions_benefit", expression: "num_nonnulls(scope, percent_off, amount_off_minor) = 1" })
@Check({ name: "promotions_scope_word", expression: isOneOf("scope", Object.keys(AccessScope)) })
@Check({
  name: "promotions_access",
  expression: "(resource_id is not null) = coalesce(scope <> 'PLATFORM', false)",
})
@Check({
  name: "promotions_days",
  expression: `days is null or (scope is not null and days >= 1 and days <= ${MAX_DAYS})`,
})
@Check({ name: "promotions_percent", expression: "percent_off >= 1 and percent_off <= 100" })
@Check({
  name: "promotions_amount",
  expression: "(amount_off_minor is null) = (currency is null) and coalesce(amount_off_minor, 1) >= 1",
})
@Check({ name: "promotions_currency", expression: isCurrency("currency") })
@Check({ name: "promotions_duration_word", expression: isOneOf("duration", Object.keys(DiscountDuration)) })
@Check({ name: "promotions_duration", expression: "(duration is null) = (scope is not null)" })
@Check({
  name: "promotions_months",
  expression: `(months is not null) = coalesce(duration = 'REPEATING', false) and coalesce(months, 1) >= 1 and coalesce(months, 1) <= ${MAX_MONTHS}`,
})
@Check({ name: "promotions_item_type", expression: isOneOf("item_type", Object.keys(PurchasableType)) })
@Check({
  name: "promotions_for",
  expression:
    "(item_type is null) = (item_id is null) and num_nonnulls(scope, plan_id, item_type) <= 1 and (item_type is null or duration = 'ONCE')",
})
@ObjectType({ description: "A code that gives access, or a discount. For admins." })
export class Promotion {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Field({ description: "As it was written; it is recognised in any case." })
  @Property(text())
  code!: string;

  @Property(text())
  codeKey!: string;

  @Property(text(nullable))
  scope?: AccessScope | null;

  @Property(text(nullable))
  resourceId?: string | null;

  /** How long the access lasts; null: for good. */
  @Property(integer(nullable))
  days?: number | null;

  @Property(integer(nullable))
  percentOff?: number | null;

  @Property(minor(nullable))
  amountOffMinor?: number | null;

  @Property(text(nullable))
  currency?: string | null;

  @Property(text(nullable))
  duration?: DiscountDuration | null;

  @Property(integer(nullable))
  months?: number | null;

  @Property(uuid(nullable))
  planId?: string | null;

  @Property(text(nullable))
  itemType?: PurchasableType | null;

  @Property(text(nullable))
  itemId?: string | null;

  @Property(flag())
  firstTimeOnly!: boolean;

  @Field(() => DateTime)
  @Property(instant())
  startsAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "Null: until deactivated." })
  @Property(instant(nullable))
  endsAt?: Date | null;

  @Field(() => Int, { nullable: true, description: "By everybody together; null: any number of times." })
  @Property(integer(nullable))
  maxRedemptions?: number | null;

  @Field(() => Int, { name: "maxRedemptionsPerUser" })
  @Property(integer())
  maxPerUser!: number;

  /** What stands for it at Stripe, once a sync has seen it there; null for what Stripe has nothing to do with. */
  @Unique({ name: "promotions_stripe_code" })
  @Property(text(nullable))
  stripePromotionCodeId?: string | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  deactivatedAt?: Date | null;

  @Field(() => DateTime)
  @Property(instant())
  createdAt!: Date;

  @Field(() => PromotionAccess, { nullable: true, description: "Null for a discount." })
  get access(): PromotionAccess | null {
    const { scope, resourceId = null, days = null } = this;
    return scope ? { scope, resourceId, days } : null;
  }

  @Field(() => PromotionDiscount, { nullable: true, description: "Null for access." })
  get discount(): PromotionDiscount | null {
    const { duration, percentOff = null, months = null, planId = null, firstTimeOnly } = this;
    if (!duration) return null;
    return {
      ...{ percentOff, duration, months, planId, firstTimeOnly },
      amountOff: this.currency ? new MonetaryAmount(this.amountOffMinor ?? 0, this.currency) : null,
      resourceType: this.itemType ?? null,
      resourceId: this.itemId ?? null,
    };
  }

  /** Whether subscriptions can be discounted with it: then Stripe knows it too. */
  get isForSubscriptions(): boolean {
    return this.duration != null && this.itemType == null;
  }

  /** What it takes off a price: the percentage rounded half up, an amount never more than there is. In minor units. */
  amountOff({ amountMinor, currency }: { amountMinor: number; currency: string }): number {
    if (this.percentOff) return chargeable((amountMinor * this.percentOff) / 100, currency);
    return Math.min(this.amountOffMinor ?? 0, amountMinor);
  }
}
