import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { connectionOf } from "../types/connection.ts";
import { PurchasableType, PurchaseStatus } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import {
  instant,
  integer,
  isCurrency,
  isOneOf,
  isOpaqueId,
  json,
  minor,
  nullable,
  text,
  uuid,
} from "./columns.ts";

/**
 * A one-time order of a course or learning path. What became of it follows from its page, its invoice and its payment:
 * see `src/sync/purchase.ts`, which writes all of it after the order itself.
 */
@Entity({ tableName: "purchases" })
@Index({
  name: "purchases_by_user",
  expression: "create index purchases_by_user on purchases (user_id, created_at desc, id desc)",
})
@Check({ name: "purchases_ids", expression: `${isOpaqueId("user_id")} and ${isOpaqueId("resource_id")}` })
@Check({
  name: "purchases_resource_type",
  expression: isOneOf("resource_type", Object.keys(PurchasableType)),
})
@Check({ name: "purchases_status", expression: isOneOf("status", Object.keys(PurchaseStatus)) })
@Check({
  name: "purchases_amount",
  expression: `amount_minor >= 0 and credited_minor >= 0 and discounted_minor >= 0 and ${isCurrency("currency")}`,
})
@Index({
  name: "purchases_by_deadline",
  expression: "create index purchases_by_deadline on purchases (pay_before) where status = 'PENDING'",
})
@Index({
  name: "purchases_by_resource",
  expression:
    "create index purchases_by_resource on purchases (user_id, resource_type, resource_id, created_at desc)",
})
@ObjectType()
@Directive('@key(fields: "id")')
export class Purchase {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Field(() => PurchasableType)
  @Property(text())
  resourceType!: PurchasableType;

  @Field(() => ID)
  @Property(text())
  resourceId!: string;

  /** What it costs, fixed when it was ordered. */
  @Property(minor())
  amountMinor!: number;

  /** What the offer took off for courses of the path that were owned already. */
  @Property(minor())
  creditedMinor: number = 0;

  /** The purchases of courses that this was credited for. */
  @Property({ ...json(), default: "[]" })
  creditedFrom: string[] = [];

  /**
   * Since when it opens nothing, whatever its money says: staff ended it, or the same was theirs when it was paid, or the
   * user was anonymised.
   */
  @Property(instant(nullable))
  withdrawnAt?: Date | null;

  /** What a promotion code took off. */
  @Property(minor())
  discountedMinor: number = 0;

  @Property(text())
  currency!: string;

  @Field(() => PurchaseStatus)
  @Property(text())
  status!: PurchaseStatus;

  /** The change at Stripe that asks for the money; null when there is nothing to pay, or nobody knows it any more. */
  @Index({ name: "purchases_by_intent" })
  @Property(uuid(nullable))
  intentId?: string | null;

  /** Of a purchase on a page. */
  @Property(text(nullable))
  checkoutSessionId?: string | null;

  /** What is charged when a stored method pays, and what is made of a page when it was paid. */
  @Property(text(nullable))
  stripeInvoiceId?: string | null;

  /** After this moment an order that was not paid is given up. */
  @Property(instant())
  payBefore!: Date;

  @Index({ name: "purchases_by_payment" })
  @Property(text(nullable))
  stripePaymentIntentId?: string | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  purchasedAt?: Date | null;

  @Property(integer())
  version: number = 1;

  @Field(() => DateTime)
  @Property(instant())
  createdAt: Date = new Date();

  /** Whether it waits for its money. */
  get isOpen(): boolean {
    return this.status === "PENDING";
  }

  @Field(() => MonetaryAmount, {
    description: "What the offer took off for courses of the path that the user had bought already.",
  })
  get credited(): MonetaryAmount {
    return new MonetaryAmount(this.creditedMinor, this.currency);
  }

  @Field(() => MonetaryAmount, { description: "What a promotion code took off." })
  get discounted(): MonetaryAmount {
    return new MonetaryAmount(this.discountedMinor, this.currency);
  }

  @Field(() => MonetaryAmount, { description: "What it cost, after what was taken off." })
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }
}

export const PurchaseConnection = connectionOf("Purchase", Purchase);

/**
 * The guard against buying the same thing twice: its primary key. Held by the purchase that waits for its money, and by
 * the one that gave access, as long as it does; free when the row is gone.
 */
@Entity({ tableName: "purchase_slots" })
@Check({
  name: "purchase_slots_ids",
  expression: `${isOpaqueId("user_id")} and ${isOpaqueId("resource_id")}`,
})
export class PurchaseSlot {
  @PrimaryKey(text())
  userId!: string;

  @PrimaryKey(text())
  resourceType!: PurchasableType;

  @PrimaryKey(text())
  resourceId!: string;

  @Property(uuid())
  purchaseId!: string;

  @Property(instant())
  updatedAt: Date = new Date();
}
