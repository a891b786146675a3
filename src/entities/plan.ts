import { Check, Entity, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { chargeable } from "../currencies.ts";
import { BillingInterval, PlanTier } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { SafeInt } from "../types/scalars.ts";
import { flag, instant, integer, isCurrency, isOneOf, json, minor, nullable, text, uuid } from "./columns.ts";

@ObjectType()
export class PlanFeature {
  @Field({ description: "Machine name, e.g. `lab_minutes`." })
  key!: string;

  @Field()
  name!: string;

  @Field(() => SafeInt, {
    nullable: true,
    description: "Null: included without a limit. A number: the quota per billing period.",
  })
  limit?: number | null;
}

/** As Stripe names them, upper-cased. */
export const TRIAL_END_BEHAVIORS = ["CANCEL", "PAUSE", "CREATE_INVOICE"] as const;
export type TrialEndBehavior = (typeof TRIAL_END_BEHAVIORS)[number];

const MONTHS = { MONTH: 1, YEAR: 12 } as const;

/** What is sold. A changed price is a new row; subscribers keep theirs. Free has no price at Stripe. */
@Entity({ tableName: "subscription_plans" })
@Unique({
  name: "subscription_plans_active_name",
  expression:
    "create unique index subscription_plans_active_name on subscription_plans (name) where is_active",
})
@Check({ name: "subscription_plans_tier", expression: isOneOf("tier", Object.keys(PlanTier)) })
@Check({
  name: "subscription_plans_interval",
  expression: isOneOf('"interval"', Object.keys(BillingInterval)),
})
@Check({ name: "subscription_plans_price", expression: "amount_minor >= 0 and trial_days >= 0" })
@Check({
  name: "subscription_plans_trial_end_behavior",
  expression: isOneOf("trial_end_behavior", TRIAL_END_BEHAVIORS),
})
@Check({ name: "subscription_plans_currency", expression: isCurrency("currency") })
@ObjectType()
@Directive('@key(fields: "id")')
export class Plan {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Field({ description: "Display name, unique: Free, Premium, Premium Annual, Enterprise." })
  @Property(text())
  name!: string;

  @Field(() => PlanTier)
  @Property(text())
  tier!: PlanTier;

  @Field(() => String, { nullable: true })
  @Property(text(nullable))
  description?: string | null;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  @Field(() => BillingInterval, { nullable: true, description: "Null for Free." })
  @Property(text(nullable))
  interval?: BillingInterval | null;

  @Field(() => Int, { description: "Free days before the first charge; 0 for none." })
  @Property(integer())
  trialDays!: number;

  /** What happens when a trial ends and nothing can be charged. */
  @Property(text())
  trialEndBehavior: TrialEndBehavior = "CANCEL";

  @Field(() => [PlanFeature], { description: "What the plan includes, in display order." })
  @Property(json())
  features!: PlanFeature[];

  /** Ours to say; whether it is sold also depends on Stripe, see {@link isOnSale}. */
  @Property(flag())
  isActive!: boolean;

  @Unique({ name: "subscription_plans_stripe_price" })
  @Property(text(nullable))
  stripePriceId?: string | null;

  /** The price that Stripe sells no longer: archived or deleted, or its product is. Says nothing of another price. */
  @Property(text(nullable))
  withdrawnPriceId?: string | null;

  /** Names the price at Stripe across accounts; null for Free. */
  @Property(text(nullable))
  lookupKey?: string | null;

  @Property(instant())
  createdAt: Date = new Date();

  @Field(() => MonetaryAmount, { description: "What one billing interval costs; 0 for Free." })
  get price(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }

  @Field(() => MonetaryAmount, { description: "The same price per month: 2900 for Premium Annual." })
  get monthlyPrice(): MonetaryAmount {
    const amountMinor = this.amountMinor / MONTHS[this.interval ?? "MONTH"];
    return new MonetaryAmount(chargeable(amountMinor, this.currency), this.currency);
  }

  @Field({
    name: "isActive",
    description: "False once the plan is no longer sold; those who have it keep it.",
  })
  get isOnSale(): boolean {
    return this.isActive && (this.stripePriceId == null || this.stripePriceId !== this.withdrawnPriceId);
  }

  /** Whether a trial begins without anything to charge in the end. */
  get trialNeedsNoMethod(): boolean {
    return this.trialEndBehavior !== "CREATE_INVOICE";
  }

  /** Free is having no subscription. */
  get isFree(): boolean {
    return this.tier === "FREE";
  }

  /** Only Enterprise is sold by the seat. */
  get hasSeats(): boolean {
    return this.tier === "ENTERPRISE";
  }
}
