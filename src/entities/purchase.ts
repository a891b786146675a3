import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { PurchasableType, PurchaseStatus } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isCurrency, isOneOf, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

/** A one-time order of a course or learning path. */
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
@Check({ name: "purchases_amount", expression: `amount_minor >= 0 and ${isCurrency("currency")}` })
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

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  @Field(() => PurchaseStatus)
  @Property(text())
  status!: PurchaseStatus;

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

  @Field(() => MonetaryAmount)
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }
}
