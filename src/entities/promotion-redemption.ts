import { Check, Entity, Index, PrimaryKey, Property, Trigger, Unique } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { instant, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/** The names under which the database refuses a redemption too many. */
export const OVER_TOTAL = "promotion_redemptions_total";
export const OVER_USERS = "promotion_redemptions_per_user";

/** Redemptions are counted under the lock of their promotion's row, so that of any number at once none is too many. */
const WITHIN_CAPS = `perform 1 from promotions where id = new.promotion_id for update;
  if exists (select 1 from promotions where id = new.promotion_id and max_per_user <= (
      select count(*) from promotion_redemptions
       where promotion_id = new.promotion_id and user_id = new.user_id and released_at is null)) then
    raise exception 'redeemed as often as a user may' using errcode = 'check_violation', constraint = '${OVER_USERS}';
  end if;
  if exists (select 1 from promotions where id = new.promotion_id and max_redemptions <= (
      select count(*) from promotion_redemptions
       where promotion_id = new.promotion_id and released_at is null)) then
    raise exception 'redeemed as often as it may be' using errcode = 'check_violation', constraint = '${OVER_TOTAL}';
  end if;
  return new`;

/**
 * A place among the uses of a promotion: taken for good by access that was given, or by what was bought; held while an
 * attempt to buy is under way, and released when that led nowhere.
 */
@Entity({ tableName: "promotion_redemptions" })
@Trigger({
  name: "within_caps",
  timing: "before",
  events: ["insert"],
  forEach: "row",
  body: WITHIN_CAPS,
})
@Index({
  name: "promotion_redemptions_counted",
  expression:
    "create index promotion_redemptions_counted on promotion_redemptions (promotion_id, user_id) where released_at is null",
})
@Index({
  name: "promotion_redemptions_open",
  expression:
    "create index promotion_redemptions_open on promotion_redemptions (promotion_id) where used_at is null and released_at is null",
})
@Check({ name: "promotion_redemptions_user_id", expression: isOpaqueId("user_id") })
@Check({
  name: "promotion_redemptions_for",
  expression:
    "num_nonnulls(intent_id, purchase_id) <= 1 and num_nonnulls(intent_id, purchase_id, used_at) >= 1",
})
@Check({ name: "promotion_redemptions_end", expression: "used_at is null or released_at is null" })
export class PromotionRedemption {
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(uuid())
  promotionId!: string;

  @Index({ name: "promotion_redemptions_by_user" })
  @Property(text())
  userId!: string;

  /** The attempt at a subscription that it discounts; null for access and purchases. */
  @Unique({ name: "promotion_redemptions_intent" })
  @Property(uuid(nullable))
  intentId?: string | null;

  /** The purchase that it discounts; null for access and subscriptions. */
  @Unique({ name: "promotion_redemptions_purchase" })
  @Property(uuid(nullable))
  purchaseId?: string | null;

  /** When it gave what it promised. */
  @Property(instant(nullable))
  usedAt?: Date | null;

  /** When it was seen that the attempt had led nowhere. */
  @Property(instant(nullable))
  releasedAt?: Date | null;

  @Property(instant())
  createdAt!: Date;
}
