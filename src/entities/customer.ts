import { Check, Entity, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { flag, instant, integer, isOpaqueId, nullable, text } from "./columns.ts";

/** A user as Stripe knows them. Mirror of a Stripe customer; the user belongs to the User service. */
@Entity({ tableName: "customers" })
@Check({ name: "customers_user_id", expression: isOpaqueId("user_id") })
export class Customer {
  @PrimaryKey(text())
  userId!: string;

  @Unique({ name: "customers_stripe_customer" })
  @Property(text())
  stripeCustomerId!: string;

  @Property(text(nullable))
  email?: string | null;

  @Property(text(nullable))
  currency?: string | null;

  @Property(text(nullable))
  defaultPaymentMethodId?: string | null;

  @Property(flag())
  isDeleted: boolean = false;

  @Property(integer())
  version: number = 1;

  @Property(instant())
  createdAt: Date = new Date();
}
