import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { DateTime } from "../types/scalars.ts";
import { flag, instant, integer, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/** Mirror of a payment method that is attached to a customer; a detached one is gone. */
@Entity({ tableName: "payment_methods" })
@Check({ name: "payment_methods_user_id", expression: isOpaqueId("user_id") })
@Index({
  name: "payment_methods_by_expiry",
  expression: "create index payment_methods_by_expiry on payment_methods (exp_year, exp_month, id)",
})
@Unique({
  name: "payment_methods_one_default",
  expression: "create unique index payment_methods_one_default on payment_methods (user_id) where is_default",
})
@ObjectType()
@Directive('@key(fields: "id")')
export class PaymentMethod {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Index({ name: "payment_methods_by_user" })
  @Property(text())
  userId!: string;

  @Unique({ name: "payment_methods_stripe_payment_method" })
  @Property(text())
  stripePaymentMethodId!: string;

  @Field({ description: "Stripe's type: card, sepa_debit, link, …" })
  @Property(text())
  type!: string;

  @Field(() => String, { nullable: true })
  @Property(text(nullable))
  brand?: string | null;

  @Field(() => String, { nullable: true })
  @Property(text(nullable))
  last4?: string | null;

  @Field(() => Int, { nullable: true })
  @Property(integer(nullable))
  expMonth?: number | null;

  @Field(() => Int, { nullable: true })
  @Property(integer(nullable))
  expYear?: number | null;

  @Field({ description: "Whether it is charged when nothing else is named." })
  @Property(flag())
  isDefault!: boolean;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Field(() => DateTime)
  get createdAt(): Date {
    return this.stripeCreatedAt;
  }
}
