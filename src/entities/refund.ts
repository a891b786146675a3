import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { RefundedAccess, RefundStatus } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isCurrency, isOneOf, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

/** Mirror of a Stripe refund: money of a payment on its way back, or back. */
@Entity({ tableName: "refunds" })
@Check({ name: "refunds_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "refunds_currency", expression: isCurrency("currency") })
@Check({ name: "refunds_amount", expression: "amount_minor >= 0" })
@Check({ name: "refunds_access", expression: isOneOf("access", Object.keys(RefundedAccess)) })
@ObjectType({ description: "Money of a payment that goes back, or has gone." })
export class Refund {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Unique({ name: "refunds_stripe_refund" })
  @Property(text())
  stripeRefundId!: string;

  @Index({ name: "refunds_by_payment" })
  @Property(text())
  stripePaymentIntentId!: string;

  @Property(text())
  stripeChargeId!: string;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  /** Stripe's word: pending, requires_action, succeeded, failed or canceled; a later version may have others. */
  @Property(text())
  status!: string;

  @Property(text(nullable))
  reason?: string | null;

  @Property(text(nullable))
  failureReason?: string | null;

  @Field(() => RefundedAccess, {
    nullable: true,
    description:
      "What it does to the access of the purchase that it is of; null where nobody said: it is revoked once all has gone back.",
  })
  @Property(text(nullable))
  access?: RefundedAccess | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  @Field(() => MonetaryAmount)
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }

  @Field(() => RefundStatus, { name: "status" })
  get shownStatus(): RefundStatus {
    const word = this.status.toUpperCase();
    return Object.hasOwn(RefundStatus, word) ? (word as RefundStatus) : "PENDING";
  }

  @Field(() => DateTime)
  get createdAt(): Date {
    return this.stripeCreatedAt;
  }

  /** Whether its amount is gone from the payment. */
  get counts(): boolean {
    return refundCounts(this.status);
  }
}

/** Whether a refund in this state takes its amount from the payment: unless it failed or was taken back, it does. */
export const refundCounts = (status: string) => status !== "failed" && status !== "canceled";
