import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { flag, instant, integer, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/** Mirror of a payment method that is attached to a customer; a detached one is gone. */
@Entity({ tableName: "payment_methods" })
@Check({ name: "payment_methods_user_id", expression: isOpaqueId("user_id") })
@Unique({
  name: "payment_methods_one_default",
  expression: "create unique index payment_methods_one_default on payment_methods (user_id) where is_default",
})
export class PaymentMethod {
  @PrimaryKey(uuid())
  id: string = v7();

  @Index({ name: "payment_methods_by_user" })
  @Property(text())
  userId!: string;

  @Unique({ name: "payment_methods_stripe_payment_method" })
  @Property(text())
  stripePaymentMethodId!: string;

  @Property(text())
  type!: string;

  @Property(text(nullable))
  brand?: string | null;

  @Property(text(nullable))
  last4?: string | null;

  @Property(integer(nullable))
  expMonth?: number | null;

  @Property(integer(nullable))
  expYear?: number | null;

  @Property(flag())
  isDefault!: boolean;

  @Property(instant())
  stripeCreatedAt!: Date;
}
