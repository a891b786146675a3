import { IsUUID, Length, Max, Min } from "class-validator";
import { Field, ID, InputType, Int } from "type-graphql";
import { IdempotencyKeyField } from "./idempotency-key.ts";

import { MAX_SEATS, PromotionCodeField } from "./subscription.inputs.ts";

@InputType()
export class CreateCheckoutSessionInput {
  @Field(() => ID)
  @IsUUID("all", { message: "This is not the id of a plan: take one from `plans`." })
  planId!: string;

  @Field(() => Int, { defaultValue: 1 })
  @Min(1, { message: "At least one seat." })
  @Max(MAX_SEATS, { message: `At most ${MAX_SEATS} seats.` })
  quantity!: number;

  @Field()
  @Length(1, 2_000, { message: "A URL of at most 2000 characters." })
  successUrl!: string;

  @Field()
  @Length(1, 2_000, { message: "A URL of at most 2000 characters." })
  cancelUrl!: string;

  @PromotionCodeField()
  promotionCode?: string | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
