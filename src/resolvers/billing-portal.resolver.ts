import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import type { BillingPortalService } from "../services/billing-portal.service.ts";
import { BillingPortalSession } from "../types/results.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";

@Resolver(() => BillingPortalSession)
export class BillingPortalResolver {
  constructor(private readonly portal: BillingPortalService) {}

  @Mutation(() => BillingPortalSession, {
    description: "Stripe's own pages for the caller: cards, invoices, cancelling. The address lives an hour.",
  })
  @Rule("signed-in")
  createBillingPortalSession(
    @Arg("returnUrl", () => String) returnUrl: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<BillingPortalSession> {
    return this.portal.create(caller, returnUrl, idempotencyKey);
  }
}
