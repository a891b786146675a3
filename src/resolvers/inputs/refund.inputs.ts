import { IsOptional, Max, Min } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { RefundedAccess, RefundReason } from "../../types/enums.ts";
import { SafeInt } from "../../types/scalars.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";

@InputType()
export class RefundPaymentInput {
  @Field(() => ID)
  paymentId!: string;

  @Field(() => SafeInt, { nullable: true, description: "Minor units; all that is left when left out." })
  @IsOptional()
  @Min(1, { message: "At least one minor unit." })
  @Max(99_999_999, { message: "Stripe takes at most eight digits." })
  amount?: number | null;

  @Field(() => RefundReason, { nullable: true })
  reason?: RefundReason | null;

  @Field(() => RefundedAccess, {
    nullable: true,
    description:
      "Of a purchase: whether its access is kept or revoked. Left out, it is revoked once all of it has gone back.",
  })
  access?: RefundedAccess | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
