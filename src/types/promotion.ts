import { Field, ID, ObjectType } from "type-graphql";
import { Promotion } from "../entities/promotion.ts";
import { UserAccess } from "../entities/user-access.ts";
import { connectionOf } from "./connection.ts";
import { DateTime } from "./scalars.ts";

export const PromotionConnection = connectionOf("Promotion", Promotion);

@ObjectType("PromotionRedemption", { description: "A code that somebody has redeemed, and what it opened." })
export class RedeemedPromotion {
  @Field(() => ID)
  id!: string;

  @Field({ description: "As it was written by whoever made it." })
  code!: string;

  @Field(() => UserAccess)
  access!: UserAccess;

  @Field(() => DateTime)
  redeemedAt!: Date;
}
