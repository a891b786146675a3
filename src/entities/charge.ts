import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, isCurrency, minor, nullable, text } from "./columns.ts";

/** Mirror of a Stripe charge: one attempt to collect a payment, successful or not. */
@Entity({ tableName: "charges" })
@Check({ name: "charges_currency", expression: isCurrency("currency") })
@Check({
  name: "charges_amounts",
  expression: "amount_minor >= 0 and amount_refunded_minor >= 0 and amount_refunded_minor <= amount_minor",
})
export class Charge {
  @PrimaryKey(text())
  stripeChargeId!: string;

  @Index({ name: "charges_by_payment" })
  @Property(text())
  stripePaymentIntentId!: string;

  @Property(text())
  userId!: string;

  @Property(text())
  status!: "pending" | "succeeded" | "failed";

  @Property(minor())
  amountMinor!: number;

  @Property(minor())
  amountRefundedMinor!: number;

  @Property(text())
  currency!: string;

  @Property(text(nullable))
  failureCode?: string | null;

  @Property(instant())
  stripeCreatedAt!: Date;
}
