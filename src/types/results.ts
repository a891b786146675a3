import { Field, ObjectType } from "type-graphql";
import { Purchase } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { AccessSource } from "./enums.ts";
import { DateTime } from "./scalars.ts";

@ObjectType({ description: "The answer to `may this user open this?`, with the grant that decided it." })
export class AccessDecision {
  @Field()
  granted!: boolean;

  @Field(() => AccessSource, { nullable: true })
  source!: AccessSource | null;

  @Field(() => DateTime, { nullable: true })
  expiresAt!: Date | null;
}

@ObjectType()
export class CheckoutConfirmation {
  @Field()
  isPaid!: boolean;

  @Field(() => Subscription, { nullable: true })
  subscription!: Subscription | null;

  @Field(() => Purchase, { nullable: true })
  purchase?: Purchase | null;
}

@ObjectType()
export class PaymentConfig {
  @Field(() => String, { nullable: true })
  publishableKey!: string | null;
}
