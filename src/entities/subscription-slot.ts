import { Check, Entity, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/**
 * The guard against a second live subscription of ours: its primary key. Held by the intent that is asking
 * for a checkout, then by that checkout, then by the subscription; free when the row is gone.
 */
@Entity({ tableName: "subscription_slots" })
@Check({ name: "subscription_slots_user_id", expression: isOpaqueId("user_id") })
@Check({
  name: "subscription_slots_holder",
  expression:
    "intent_id is not null or checkout_session_id is not null or stripe_subscription_id is not null",
})
export class SubscriptionSlot {
  @PrimaryKey(text())
  userId!: string;

  @Property(uuid(nullable))
  intentId?: string | null;

  @Property(text(nullable))
  checkoutSessionId?: string | null;

  @Property(text(nullable))
  stripeSubscriptionId?: string | null;

  @Property(instant())
  updatedAt: Date = new Date();
}
