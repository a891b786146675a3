import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, isOpaqueId, text } from "./columns.ts";

/**
 * Whose a customer was that is deleted at Stripe and has been replaced: Stripe forgets its metadata, not its
 * subscriptions, invoices and payments, and what is learned of those later is the user's as well.
 */
@Entity({ tableName: "former_customers" })
@Check({ name: "former_customers_user_id", expression: isOpaqueId("user_id") })
export class FormerCustomer {
  @PrimaryKey(text())
  stripeCustomerId!: string;

  @Index({ name: "former_customers_by_user" })
  @Property(text())
  userId!: string;

  @Property(instant())
  replacedAt!: Date;
}
