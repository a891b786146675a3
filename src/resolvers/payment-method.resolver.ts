import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import type { PaymentMethodService } from "../services/payment-method.service.ts";
import { SetupIntentResult } from "../types/results.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";
import { AddPaymentMethodInput } from "./inputs/payment-method.inputs.ts";

@Resolver(() => PaymentMethod)
export class PaymentMethodResolver {
  constructor(private readonly methods: PaymentMethodService) {}

  @Query(() => [PaymentMethod], { description: "Newest first." })
  @Rule("signed-in")
  paymentMethods(@UserId() userId: string, @Ctx() { loaders }: Context): Promise<PaymentMethod[]> {
    return loaders.paymentMethods.load(userId);
  }

  @Mutation(() => SetupIntentResult, {
    description: "For a card form in the browser (Stripe.js); the card number never reaches this service.",
  })
  @Rule("signed-in")
  createSetupIntent(
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<SetupIntentResult> {
    return this.methods.createSetupIntent(caller, idempotencyKey);
  }

  @Mutation(() => PaymentMethod, {
    description: "The first one is charged from then on, others when `setDefault` says so.",
  })
  @Rule("signed-in")
  addPaymentMethod(
    @Arg("input", () => AddPaymentMethodInput) input: AddPaymentMethodInput,
    @Ctx() { caller }: Context,
  ): Promise<PaymentMethod> {
    return this.methods.add(caller, input);
  }

  @Mutation(() => Boolean, {
    description: "The last one of a subscription that renews cannot be removed: CONFLICT.",
  })
  @Rule("signed-in")
  removePaymentMethod(
    @Arg("id", () => ID) id: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<boolean> {
    return this.methods.remove(caller, id, idempotencyKey);
  }

  @Mutation(() => PaymentMethod, { description: "What is charged from now on, for the subscription too." })
  @Rule("signed-in")
  setDefaultPaymentMethod(
    @Arg("id", () => ID) id: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<PaymentMethod> {
    return this.methods.makeDefault(caller, id, idempotencyKey);
  }
}
