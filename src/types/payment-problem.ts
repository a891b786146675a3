import { Field, ObjectType, registerEnumType } from "type-graphql";
import { NEXT_STEPS, type NextStep } from "../declines.ts";
import { MonetaryAmount } from "./money.ts";
import { DateTime } from "./scalars.ts";

export const PaymentNextStep = Object.fromEntries(NEXT_STEPS.map((step) => [step, step])) as {
  [Step in NextStep]: Step;
};
export type PaymentNextStep = NextStep;
registerEnumType(PaymentNextStep, {
  name: "PaymentNextStep",
  description: "What the learner can do about a payment that failed; WAIT: it is tried again, or under way.",
});

@ObjectType({ description: "Why a subscription is not paid, and what to do next." })
export class PaymentProblem {
  @Field(() => String, {
    nullable: true,
    description: "Stripe's decline code or error code; null when nothing was tried yet.",
  })
  code!: string | null;

  @Field({ description: "A sentence for the learner." })
  message!: string;

  @Field(() => PaymentNextStep)
  nextStep!: PaymentNextStep;

  @Field(() => MonetaryAmount, { nullable: true, description: "What is left to pay, of all open invoices." })
  amountDue!: MonetaryAmount | null;

  @Field(() => DateTime, { nullable: true, description: "The last attempt." })
  failedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it is tried again by itself, if it is." })
  nextAttemptAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      "When the platform closes, or closed, unless this is paid; null where it is not open anyway.",
  })
  accessEndsAt!: Date | null;
}
