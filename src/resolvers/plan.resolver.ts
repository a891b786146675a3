import { Arg, Ctx, ID, Query, Resolver } from "type-graphql";
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

  @Query(() => PaymentConfig, { description: "What a browser needs for Stripe.js. Public." })
  @Rule("public")
  paymentConfig(): PaymentConfig {
    return { publishableKey: this.config.stripe.publishableKey ?? null };
  }
}
