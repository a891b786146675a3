import { Arg, Ctx, Directive, FieldResolver, Int, Query, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Dispute, DisputeConnection } from "../entities/dispute.ts";
import { Payment } from "../entities/payment.ts";
import type { DisputeService } from "../services/dispute.service.ts";
import type { Connection } from "../types/connection.ts";

/** What banks take back, for admins. */
@Resolver(() => Dispute)
export class DisputeResolver {
  constructor(private readonly disputesService: DisputeService) {}

  @Query(() => DisputeConnection, {
    description:
      "Role admin. Disputes and inquiries that wait for evidence, the one that has to be answered first at the top; with needsResponse false all there were.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  disputes(
    @Arg("needsResponse", () => Boolean, { defaultValue: true }) needsResponse: boolean,
    @Arg("first", () => Int, { defaultValue: 20, description: "1 to 100." }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
  ): Promise<Connection<Dispute>> {
    return this.disputesService.list({ needsResponse, first, after: after ?? null });
  }

  @FieldResolver(() => Payment, { nullable: true })
  payment(@Root() { stripePaymentIntentId }: Dispute, @Ctx() { loaders }: Context): Promise<Payment | null> {
    return loaders.paymentByStripeId.load(stripePaymentIntentId);
  }
}
