import { IsOptional, Length, Max, Min } from "class-validator";
import { createParameterDecorator, Field, ID, InputType, Int } from "type-graphql";
import { BadUserInput } from "../../errors.ts";
import { DateTime } from "../../types/scalars.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";

/** More seats than anybody has; what is more is a mistake. */
export const MAX_SEATS = 10_000;

@InputType()
export class CreateSubscriptionInput {
  @Field(() => ID)
  planId!: string;

  @Field(() => Int, { defaultValue: 1 })
  @Min(1, { message: "At least one seat." })
  @Max(MAX_SEATS, { message: `At most ${MAX_SEATS} seats.` })
  quantity!: number;

  @Field(() => ID, {
    nullable: true,
    description: "One of the user's own; the default method when left out.",
  })
  paymentMethodId?: string | null;

  @PromotionCodeField()
  promotionCode?: string | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}

@InputType()
export class CancelSubscriptionInput {
  @Field(() => ID)
  id!: string;

  @Field({ defaultValue: true, description: "False ends it now." })
  atPeriodEnd!: boolean;

  @Field(() => String, {
    nullable: true,
    description: "In the subscriber's own words; at most 500 characters.",
  })
  @IsOptional()
  @Length(1, 500, { message: "A reason of 1 to 500 characters." })
  reason?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Role admin or service, for an end now: credits the time that is left to the customer's balance.",
  })
  prorate?: boolean | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}

@InputType()
export class ChangePlanInput {
  @Field(() => ID)
  subscriptionId!: string;

  @Field(() => ID)
  planId!: string;

  @Field(() => Int, {
    nullable: true,
    description: "Seats; as many as now when left out, 1 for personal plans.",
  })
  @IsOptional()
  @Min(1, { message: "At least one seat." })
  @Max(MAX_SEATS, { message: `At most ${MAX_SEATS} seats.` })
  quantity?: number | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      "A preview's `prorationDate`, for up to an hour: the change then costs what the preview said.",
  })
  prorationDate?: Date | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}

/** The optional field `promotionCode` of an input. */
export function PromotionCodeField(): PropertyDecorator {
  return (target, key) => {
    Field(() => String, { nullable: true, description: "As somebody typed it." })(target, key);
    IsOptional()(target, key);
    Length(1, 100, { message: "A code of 1 to 100 characters." })(target, key);
  };
}

/** The optional argument `quantity` of a query. @throws BadUserInput */
export function SeatsArg(): ParameterDecorator {
  const decorate = createParameterDecorator(
    ({ args: { quantity } }) => {
      if (quantity != null && (quantity < 1 || quantity > MAX_SEATS))
        throw new BadUserInput("quantity", `From 1 to ${MAX_SEATS} seats.`);
      return quantity ?? null;
    },
    {
      arg: {
        name: "quantity",
        typeFunc: () => Int,
        options: {
          nullable: true,
          description: "Seats; as many as now when left out, 1 for personal plans.",
        },
      },
    },
  );
  return decorate as ParameterDecorator;
}
