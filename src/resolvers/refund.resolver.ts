import { Arg, Ctx, Directive, Mutation, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Payment } from "../entities/payment.ts";
import type { RefundService } from "../services/refund.service.ts";
import { RefundPaymentInput } from "./inputs/refund.inputs.ts";

@Resolver(() => Payment)
export class RefundResolver {
  constructor(private readonly refunds: RefundService) {}

  @Mutation(() => Payment, { description: "Role admin. Full or partial, never more than is left." })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  refundPayment(
    @Arg("input", () => RefundPaymentInput) input: RefundPaymentInput,
    @Ctx() { caller }: Context,
  ): Promise<Payment> {
    return this.refunds.refund(caller, input);
  }
}
