import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, isOneOf, isOpaqueId, text } from "./columns.ts";

export const CLAIM_KINDS = ["user", "email", "card"] as const;
export type ClaimKind = (typeof CLAIM_KINDS)[number];

/** Who has had a trial: by user, e-mail and card, each as an HMAC. The primary key is the guard. */
@Entity({ tableName: "trial_claims" })
@Check({ name: "trial_claims_kind", expression: isOneOf("kind", CLAIM_KINDS) })
@Check({ name: "trial_claims_user_id", expression: isOpaqueId("user_id") })
export class TrialClaim {
  @PrimaryKey(text())
  kind!: ClaimKind;

  /** Never the raw value. */
  @PrimaryKey(text())
  hmac!: string;

  @Index({ name: "trial_claims_by_user" })
  @Property(text())
  userId!: string;

  /** The trial that it stands for. */
  @Index({ name: "trial_claims_by_subscription" })
  @Property(text())
  stripeSubscriptionId!: string;

  @Property(instant())
  claimedAt!: Date;
}
