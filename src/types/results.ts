import { Directive, Field, ObjectType } from "type-graphql";
import { InvoiceLine } from "../entities/invoice.ts";
import { Purchase } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { AccessSource } from "./enums.ts";
import { MonetaryAmount } from "./money.ts";
import { DateTime } from "./scalars.ts";

@ObjectType({
  description: "An entry of the audit log: who, or which event of Stripe's, made a decision what it was.",
})
@Directive('@tag(name: "internal")')
export class DecisionCause {
  @Field(() => DateTime)
  at!: Date;

  @Field({ description: "As in `SubscriptionHistoryEntry.actor`." })
  actor!: string;

  @Field({ description: "`created` or `changed`; for what something is sold as, `upsertOffer`." })
  action!: string;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The event of Stripe's that set it off: see `webhookEvents`.",
  })
  causedBy!: string | null;
}

@ObjectType({ description: "The answer to `may this user open this?`, with the grant that decided it." })
export class AccessDecision {
  @Field()
  granted!: boolean;

  @Field(() => AccessSource, { nullable: true })
  source!: AccessSource | null;

  @Field(() => DateTime, { nullable: true })
  expiresAt!: Date | null;

  @Field(() => DecisionCause, {
    nullable: true,
    description: "For admins who ask `asOf` a moment; null when nothing had been said by then.",
  })
  @Directive('@tag(name: "internal")')
  cause?: DecisionCause | null;
}

@ObjectType()
export class CheckoutConfirmation {
  @Field()
  isPaid!: boolean;

  @Field(() => Subscription, { nullable: true })
  subscription!: Subscription | null;

  @Field(() => Purchase, { nullable: true })
  purchase?: Purchase | null;
}

@ObjectType()
export class PlanChangePreview {
  @Field(() => MonetaryAmount, { description: "Charged (or, negative, credited) now." })
  amountDueNow!: MonetaryAmount;

  @Field(() => MonetaryAmount, { description: "Total of the next regular invoice." })
  nextInvoiceTotal!: MonetaryAmount;

  @Field({ description: "False for a downgrade, which waits for the end of the period." })
  appliesImmediately!: boolean;

  @Field(() => DateTime)
  effectiveAt!: Date;

  @Field(() => DateTime, {
    description: "Give it to `changePlan` within an hour: the change then costs exactly this.",
  })
  prorationDate!: Date;

  @Field(() => [InvoiceLine], {
    description: "Of the invoice that is made now or, when nothing is, of the next one.",
  })
  lines!: InvoiceLine[];
}

@ObjectType()
export class SubscriptionResult {
  @Field(() => Subscription)
  subscription!: Subscription;

  @Field(() => String, {
    nullable: true,
    description:
      "When the bank wants the customer (3-D Secure): what Stripe.js confirms with, for its owner alone.",
  })
  clientSecret!: string | null;
}

@ObjectType()
export class PurchaseResult {
  @Field(() => Purchase)
  purchase!: Purchase;

  @Field(() => String, { nullable: true, description: "Where to pay, while it is to be paid on a page." })
  checkoutUrl!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "When the bank wants the customer (3-D Secure): what Stripe.js confirms with, for its owner alone.",
  })
  clientSecret!: string | null;
}

@ObjectType()
export class PaymentConfig {
  @Field(() => String, { nullable: true })
  publishableKey!: string | null;
}

@ObjectType()
export class BillingPortalSession {
  @Field({ description: "Where to send the browser; only its owner gets it." })
  url!: string;
}

@ObjectType()
export class SetupIntentResult {
  @Field({ description: "What Stripe.js confirms the setup with." })
  clientSecret!: string;
}
