import { Matches } from "class-validator";
import { Field, InputType } from "type-graphql";
import { IdempotencyKeyField } from "./idempotency-key.ts";

@InputType()
export class AddPaymentMethodInput {
  @Field({ description: "pm_…, made by Stripe.js." })
  @Matches(/^pm_\w{1,250}$/, {
    message: "This is no payment method: it begins with pm_, as Stripe.js makes it.",
  })
  stripePaymentMethodId!: string;

  @Field(() => Boolean, { defaultValue: false })
  setDefault!: boolean;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
