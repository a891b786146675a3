import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { connectionOf } from "../types/connection.ts";
import { PaymentStatus } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isCurrency, isOneOf, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

const SUCCEEDED: readonly PaymentStatus[] = ["SUCCEEDED", "PARTIALLY_REFUNDED", "REFUNDED", "DISPUTED"];

/** Mirror of a Stripe payment intent; what was tried on it stands in {@link Charge}. */
@Entity({ tableName: "payments" })
@Index({
  name: "payments_by_user",
  expression: "create index payments_by_user on payments (user_id, stripe_created_at desc, id desc)",
})
@Check({ name: "payments_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "payments_status", expression: isOneOf("status", Object.keys(PaymentStatus)) })
@Check({ name: "payments_currency", expression: isCurrency("currency") })
@Check({
  name: "payments_amounts",
  expression: "amount_minor >= 0 and amount_refunded_minor >= 0 and amount_refunded_minor <= amount_minor",
})
@ObjectType()
@Directive('@key(fields: "id")')
export class Payment {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Unique({ name: "payments_stripe_payment_intent" })
  @Property(text())
  stripePaymentIntentId!: string;

  /** The purchase that it pays for; null for a subscription's. */
  @Index({ name: "payments_by_purchase" })
  @Property(uuid(nullable))
  purchaseId?: string | null;

  @Property(minor())
  amountMinor!: number;

  /** What arrived: all of the amount, unless less was captured. */
  @Property(minor())
  amountReceivedMinor: number = 0;

  /** Derived from the payment's refunds at each sync. */
  @Property(minor())
  amountRefundedMinor!: number;

  @Property(text())
  currency!: string;

  @Field(() => PaymentStatus)
  @Property(text())
  status!: PaymentStatus;

  @Field(() => String, { nullable: true })
  @Property(text(nullable))
  description?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Card brand and last four as shown on a statement, e.g. `visa •••• 4242`.",
  })
  @Property(text(nullable))
  methodLabel?: string | null;

  /** Stripe's decline code or error code; learners see a plain one for some. */
  @Property(text(nullable))
  failureCode?: string | null;

  /** The provider's own text: for those who look into it, never for clients. */
  @Property(text(nullable))
  failureMessage?: string | null;

  /** A provider's URL: only its owner sees it. */
  @Property(text(nullable))
  receiptUrl?: string | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  @Field(() => MonetaryAmount)
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }

  @Field(() => MonetaryAmount)
  get amountRefunded(): MonetaryAmount {
    return new MonetaryAmount(this.amountRefundedMinor, this.currency);
  }

  /** Whether money arrived, whatever became of it since. */
  get hasSucceeded(): boolean {
    return SUCCEEDED.includes(this.status);
  }

  /** What can be given back now: what arrived and has not gone back, nor is on its way; nothing while a bank has it. */
  get refundableMinor(): number {
    const isOurs = this.status === "SUCCEEDED" || this.status === "PARTIALLY_REFUNDED";
    return isOurs ? Math.max(0, this.amountReceivedMinor - this.amountRefundedMinor) : 0;
  }

  @Field(() => DateTime)
  get createdAt(): Date {
    return this.stripeCreatedAt;
  }
}

export const PaymentConnection = connectionOf("Payment", Payment);
