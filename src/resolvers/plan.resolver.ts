import { Arg, Ctx, FieldResolver, ID, Int, Query, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { Plan } from "../entities/plan.ts";
import type { PlanService } from "../services/plan.service.ts";
import { PaymentConfig } from "../types/results.ts";

@Resolver(() => Plan)
export class PlanResolver {
  constructor(
    private readonly plansService: PlanService,
    private readonly config: Config,
  ) {}

  @Query(() => [Plan], {
    description: "On sale, cheapest month first. Public; includeInactive is for admins.",
  })
  @Rule("public")
  plans(
    @Arg("includeInactive", () => Boolean, { defaultValue: false }) includeInactive: boolean,
    @Ctx() { caller }: Context,
  ): Promise<Plan[]> {
    return this.plansService.list(caller, includeInactive);
  }

  @Query(() => Plan, { nullable: true })
  @Rule("public")
  plan(@Arg("id", () => ID) id: string, @Ctx() { loaders }: Context): Promise<Plan | null> {
    return loaders.plan.load(id);
  }

  @FieldResolver(() => Int, {
    description: "`trialDays`, or 0 for a signed-in user who is known to have had a trial, of whatever plan.",
  })
  @Rule("viewer")
  async viewerTrialDays(@Root() { trialDays }: Plan, @Ctx() { caller, loaders }: Context): Promise<number> {
    if (trialDays === 0 || !caller.isKnown) return trialDays;
    return (await loaders.hadTrial.load(caller)) ? 0 : trialDays;
  }

  @Query(() => PaymentConfig, { description: "What a browser needs for Stripe.js. Public." })
  @Rule("public")
  paymentConfig(): PaymentConfig {
    return { publishableKey: this.config.stripe.publishableKey ?? null };
  }
}
