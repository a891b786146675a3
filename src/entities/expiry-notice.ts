import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, integer, isOpaqueId, text } from "./columns.ts";

/** A card's owner has been told that it expires; the same card with another expiry is another fact. */
@Entity({ tableName: "expiry_notices" })
@Index({ name: "expiry_notices_by_month", properties: ["expYear", "expMonth"] })
@Check({ name: "expiry_notices_user_id", expression: isOpaqueId("user_id") })
export class ExpiryNotice {
  @PrimaryKey(text())
  stripePaymentMethodId!: string;

  @PrimaryKey(integer())
  expYear!: number;

  @PrimaryKey(integer())
  expMonth!: number;

  @Index({ name: "expiry_notices_by_user" })
  @Property(text())
  userId!: string;

  @Property(instant())
  toldAt!: Date;
}
