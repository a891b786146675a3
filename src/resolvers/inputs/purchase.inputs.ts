import { IsOptional, Length, Matches } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { OPAQUE_ID } from "../../auth/caller.ts";
import { PurchasableType } from "../../types/enums.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";
import { PromotionCodeField } from "./subscription.inputs.ts";

const URL_FORM = { message: "A URL of at most 2000 characters." };

@InputType()
export class CreatePurchaseInput {
  @Field(() => PurchasableType)
  resourceType!: PurchasableType;

  @Field(() => ID)
  @Matches(OPAQUE_ID, { message: "An id has 1 to 128 printable characters." })
  resourceId!: string;

  @Field(() => ID, {
    nullable: true,
    description:
      "Pay at once with a stored method; without it a Checkout page is made, and the two URLs are needed.",
  })
  paymentMethodId?: string | null;

  @Field(() => String, { nullable: true })
  @IsOptional()
  @Length(1, 2_000, URL_FORM)
  successUrl?: string | null;

  @Field(() => String, { nullable: true })
  @IsOptional()
  @Length(1, 2_000, URL_FORM)
  cancelUrl?: string | null;

  @PromotionCodeField()
  promotionCode?: string | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
