import { IsOptional, Length, Matches, Max, Min, ValidateNested } from "class-validator";
import { Field, ID, InputType, Int } from "type-graphql";
import { OPAQUE_ID } from "../../auth/caller.ts";
import { CODE_FORM, MAX_DAYS, MAX_MONTHS, MAX_PER_USER, MAX_REDEMPTIONS } from "../../entities/promotion.ts";
import { AccessScope, DiscountDuration, PurchasableType } from "../../types/enums.ts";
import { Currency, DateTime, SafeInt } from "../../types/scalars.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";

const FORM = "An id has 1 to 128 printable characters.";
const within = (least: number, most: number) => ({ message: `From ${least} to ${most}.` });

@InputType()
export class RedeemPromotionInput {
  @Field({ description: "As somebody typed it." })
  @Length(1, 100, { message: "A code of 1 to 100 characters." })
  code!: string;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}

@InputType()
export class PromotionAccessInput {
  @Field(() => AccessScope)
  scope!: AccessScope;

  @Field(() => ID, { nullable: true, description: "The course or path; none for PLATFORM." })
  @IsOptional()
  @Matches(OPAQUE_ID, { message: FORM })
  resourceId?: string | null;

  @Field(() => Int, { nullable: true, description: "For good when left out." })
  @IsOptional()
  @Min(1, within(1, MAX_DAYS))
  @Max(MAX_DAYS, within(1, MAX_DAYS))
  days?: number | null;
}

@InputType({
  description: "A percentage or an amount; for one plan, for one course or path, or for anything.",
})
export class PromotionDiscountInput {
  @Field(() => Int, { nullable: true })
  @IsOptional()
  @Min(1, within(1, 100))
  @Max(100, within(1, 100))
  percentOff?: number | null;

  @Field(() => SafeInt, { nullable: true, description: "Minor units of `currency`." })
  @IsOptional()
  @Min(1, within(1, 99_999_999))
  @Max(99_999_999, within(1, 99_999_999))
  amountOff?: number | null;

  @Field(() => Currency, { nullable: true, description: "With `amountOff`, and only then." })
  currency?: string | null;

  @Field(() => DiscountDuration, { defaultValue: "ONCE" })
  duration!: DiscountDuration;

  @Field(() => Int, { nullable: true, description: "With REPEATING, and only then." })
  @IsOptional()
  @Min(1, within(1, MAX_MONTHS))
  @Max(MAX_MONTHS, within(1, MAX_MONTHS))
  months?: number | null;

  @Field(() => ID, { nullable: true, description: "The only plan it is for." })
  planId?: string | null;

  @Field(() => PurchasableType, { nullable: true })
  resourceType?: PurchasableType | null;

  @Field(() => ID, { nullable: true, description: "The only course or path it is for; with `resourceType`." })
  @IsOptional()
  @Matches(OPAQUE_ID, { message: FORM })
  resourceId?: string | null;

  @Field({ defaultValue: false, description: "Only for whoever has never paid anything; for subscriptions." })
  firstTimeOnly!: boolean;
}

@InputType({ description: "Either `access` or `discount`." })
export class CreatePromotionInput {
  @Field({ description: "3 to 40 letters, digits and hyphens; recognised in any case." })
  @Matches(CODE_FORM, { message: "A code has 3 to 40 letters, digits and hyphens." })
  code!: string;

  @Field(() => PromotionAccessInput, { nullable: true })
  @IsOptional()
  @ValidateNested()
  access?: PromotionAccessInput | null;

  @Field(() => PromotionDiscountInput, { nullable: true })
  @IsOptional()
  @ValidateNested()
  discount?: PromotionDiscountInput | null;

  @Field(() => DateTime, { nullable: true, description: "Now when left out." })
  startsAt?: Date | null;

  @Field(() => DateTime, { nullable: true, description: "Until deactivated, when left out." })
  endsAt?: Date | null;

  @Field(() => Int, { nullable: true, description: "By everybody together; any number when left out." })
  @IsOptional()
  @Min(1, within(1, MAX_REDEMPTIONS))
  @Max(MAX_REDEMPTIONS, within(1, MAX_REDEMPTIONS))
  maxRedemptions?: number | null;

  @Field(() => Int, { defaultValue: 1 })
  @Min(1, within(1, MAX_PER_USER))
  @Max(MAX_PER_USER, within(1, MAX_PER_USER))
  maxRedemptionsPerUser!: number;

  @Field(() => String, { nullable: true, description: "For the audit log; 1 to 500 characters." })
  @IsOptional()
  @Length(1, 500, { message: "A reason of 1 to 500 characters." })
  reason?: string | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
