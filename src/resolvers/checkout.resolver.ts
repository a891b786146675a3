import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import type { CheckoutService } from "../services/checkout.service.ts";
import { CheckoutConfirmation } from "../types/results.ts";
import { CreateCheckoutSessionInput } from "./inputs/checkout.inputs.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";

@Resolver(() => CheckoutSession)
export class CheckoutResolver {
  constructor(private readonly checkout: CheckoutService) {}

  @Mutation(() => CheckoutSession)
  @Rule("signed-in")
  createCheckoutSession(
    @Arg("input", () => CreateCheckoutSessionInput) input: CreateCheckoutSessionInput,
    @Ctx() { caller }: Context,
  ): Promise<CheckoutSession> {
    return this.checkout.create(caller, input);
  }

  @Mutation(() => CheckoutConfirmation, {
    description:
      "For the return page: reads the session from Stripe and applies it now, before any webhook. " +
      "NOT_FOUND for a session that is not the caller's.",
  })
  @Rule("signed-in")
  confirmCheckout(
    @Arg("sessionId", () => ID) sessionId: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<CheckoutConfirmation> {
    return this.checkout.confirm(caller, sessionId, idempotencyKey);
  }

  @FieldResolver(() => String, { description: "Where to pay. Send the browser there." })
  url(@Root() { url }: CheckoutSession): string | null | undefined {
    return url;
  }
}
