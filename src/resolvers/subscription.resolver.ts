import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { shownCode } from "../declines.ts";
import { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import { NotFound } from "../errors.ts";
import { reference, User } from "../types/federated.ts";
import { PaymentProblem } from "../types/payment-problem.ts";

@Resolver(() => Subscription)
export class SubscriptionResolver {
  @Query(() => Subscription, {
    nullable: true,
    description: "The live subscription, or the latest that ended; null for Free.",
  })
  @Rule("signed-in")
  async subscriptionStatus(
    @UserId() userId: string,
    @Ctx() { loaders }: Context,
  ): Promise<Subscription | null> {
    return loaders.currentSubscription.load(userId);
  }

  @Query(() => Subscription, { nullable: true })
  @Rule("signed-in")
  async subscription(
    @Arg("id", () => ID) id: string,
    @Ctx() { caller, loaders }: Context,
  ): Promise<Subscription | null> {
    const found = await loaders.subscription.load(id);
    return found && caller.maySee(found.userId) ? found : null;
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Subscription): User {
    return reference(User, userId);
  }

  @FieldResolver(() => Plan)
  plan(@Root() { knownPlan, planId }: Subscription, @Ctx() { loaders }: Context): Plan | Promise<Plan> {
    return knownPlan ?? found(planId ? loaders.plan.load(planId) : null);
  }

  @FieldResolver(() => Plan, {
    nullable: true,
    description: "The plan that replaces `plan` at the end of the period, after a downgrade; null otherwise.",
  })
  async scheduledPlan(
    @Root() { scheduledPlanId }: Subscription,
    @Ctx() { loaders }: Context,
  ): Promise<Plan | null> {
    return scheduledPlanId ? loaders.plan.load(scheduledPlanId) : null;
  }

  @FieldResolver(() => PaymentProblem, {
    nullable: true,
    description: "Why it is not paid and what helps, while it is PAST_DUE, UNPAID or INCOMPLETE; else null.",
  })
  async paymentProblem(
    @Root() subscription: Subscription,
    @Ctx() { caller, loaders }: Context,
  ): Promise<PaymentProblem | null> {
    const problem = await loaders.paymentProblem.load(subscription);
    return problem && { ...problem, code: caller.isStaff ? problem.code : shownCode(problem.code) };
  }

  @FieldResolver(() => Boolean, {
    description:
      "Whether the platform is open to the user because of this subscription, grace period included.",
  })
  async grantsAccess(@Root() { id, userId }: Subscription, @Ctx() { loaders }: Context): Promise<boolean> {
    return (await loaders.grants.load(userId)).some((grant) => grant.sourceId === id);
  }
}

async function found(reading: Promise<Plan | null> | null): Promise<Plan> {
  const plan = await reading;
  if (!plan) throw new NotFound("plan of this subscription");
  return plan;
}
