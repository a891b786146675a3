import { Arg, Ctx, ID, Mutation, Query, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Subscription } from "../entities/subscription.ts";
import type { PlanPreviewService } from "../services/plan-preview.service.ts";
import type { SubscriptionChanges } from "../services/subscription-changes.service.ts";
import type { SubscriptionCreation } from "../services/subscription-creation.service.ts";
import { PlanChangePreview, SubscriptionResult } from "../types/results.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";
import {
  CancelSubscriptionInput,
  ChangePlanInput,
  CreateSubscriptionInput,
  SeatsArg,
} from "./inputs/subscription.inputs.ts";

/** A subscription is made by its owner; what is done with a running one, by its owner or by staff. */
@Resolver(() => Subscription)
export class SubscriptionChangeResolver {
  constructor(
    private readonly creation: SubscriptionCreation,
    private readonly changes: SubscriptionChanges,
    private readonly previews: PlanPreviewService,
  ) {}

  @Query(() => PlanChangePreview, {
    description: "What changing to `planId` now would cost or credit, as Stripe would prorate it.",
  })
  @Rule("signed-in")
  previewPlanChange(
    @Arg("subscriptionId", () => ID) subscriptionId: string,
    @Arg("planId", () => ID) planId: string,
    @SeatsArg() quantity: number | null,
    @Ctx() { caller }: Context,
  ): Promise<PlanChangePreview> {
    return this.previews.preview(caller, subscriptionId, { planId, quantity });
  }

  @Mutation(() => SubscriptionResult, { description: "Paid plans only: Free is having none." })
  @Rule("signed-in")
  async createSubscription(
    @Arg("input", () => CreateSubscriptionInput) input: CreateSubscriptionInput,
    @Ctx() { caller }: Context,
  ): Promise<SubscriptionResult> {
    const subscription = await this.creation.create(caller, input);
    return { subscription, clientSecret: await this.changes.clientSecret(caller, subscription) };
  }

  @Mutation(() => SubscriptionResult, {
    description:
      "Up: now, prorated. Down: at the end of the period. To Free: a cancel at the end of the period, `scheduledPlan` Free.",
  })
  @Rule("signed-in")
  async changePlan(
    @Arg("input", () => ChangePlanInput) input: ChangePlanInput,
    @Ctx() { caller }: Context,
  ): Promise<SubscriptionResult> {
    const subscription = await this.changes.changePlan(caller, input);
    return { subscription, clientSecret: await this.changes.clientSecret(caller, subscription) };
  }

  @Mutation(() => Subscription)
  @Rule("signed-in")
  cancelSubscription(
    @Arg("input", () => CancelSubscriptionInput) input: CancelSubscriptionInput,
    @Ctx() { caller }: Context,
  ): Promise<Subscription> {
    return this.changes.cancel(caller, input);
  }

  @Mutation(() => Subscription, {
    description: "Takes a cancellation or a scheduled downgrade back while the period still runs.",
  })
  @Rule("signed-in")
  resumeSubscription(
    @Arg("id", () => ID) id: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<Subscription> {
    return this.changes.resume(caller, id, idempotencyKey);
  }
}
