import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { Field, ID, ObjectType } from "type-graphql";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/** Mirror of a Stripe Checkout session: a page where the user pays. */
@Entity({ tableName: "checkout_sessions" })
@Check({ name: "checkout_sessions_user_id", expression: isOpaqueId("user_id") })
@ObjectType()
export class CheckoutSession {
  @Field(() => ID)
  @PrimaryKey(text())
  id!: string;

  @Index({ name: "checkout_sessions_by_user" })
  @Property(text())
  userId!: string;

  /** The intent that asked for it; null for a session made elsewhere. */
  @Index({ name: "checkout_sessions_by_intent" })
  @Property(uuid(nullable))
  intentId?: string | null;

  /** The purchase that is paid on it; null for a subscription. */
  @Property(uuid(nullable))
  purchaseId?: string | null;

  @Property(text())
  mode!: string;

  @Property(text())
  status!: "open" | "complete" | "expired";

  @Property(text())
  paymentStatus!: string;

  @Property(text(nullable))
  stripeSubscriptionId?: string | null;

  /** Where to pay; null once that is no longer possible. Only its owner sees it. */
  @Property(text(nullable))
  url?: string | null;

  @Field(() => DateTime)
  @Property(instant())
  expiresAt!: Date;

  @Property(integer())
  version: number = 1;

  get isOpen(): boolean {
    return this.status === "open";
  }

  /** Money arrived, or none was needed (a trial, or nothing left after a discount). */
  get isPaid(): boolean {
    return this.status === "complete" && this.paymentStatus !== "unpaid";
  }
}
