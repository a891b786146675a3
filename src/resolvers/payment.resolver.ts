import { Arg, Args, Ctx, Directive, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { adviceOn, shownCode } from "../declines.ts";
import { Dispute } from "../entities/dispute.ts";
import { Invoice } from "../entities/invoice.ts";
import { Payment, PaymentConnection } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { Refund } from "../entities/refund.ts";
import { Subscription } from "../entities/subscription.ts";
import { pageAsked } from "../services/pages.ts";
import type { Connection } from "../types/connection.ts";
import { reference, User } from "../types/federated.ts";
import { PaymentsArgs } from "./inputs/page.inputs.ts";

@Resolver(() => Payment)
export class PaymentResolver {
  @Query(() => PaymentConnection, { description: "Newest first." })
  @Rule("signed-in")
  payments(
    @UserId() userId: string,
    @Args(() => PaymentsArgs) page: PaymentsArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Payment>> {
    return loaders.payments.load(pageAsked({ ...page, userId }));
  }

  @Query(() => Payment, { nullable: true })
  @Rule("signed-in")
  async payment(
    @Arg("id", () => ID) id: string,
    @Ctx() { caller, loaders }: Context,
  ): Promise<Payment | null> {
    const found = await loaders.payment.load(id);
    return found && caller.maySee(found.userId) ? found : null;
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Payment): User {
    return reference(User, userId);
  }

  @FieldResolver(() => Invoice, { nullable: true })
  invoice(@Root() { stripePaymentIntentId }: Payment, @Ctx() { loaders }: Context): Promise<Invoice | null> {
    return loaders.invoiceByPayment.load(stripePaymentIntentId);
  }

  @FieldResolver(() => Subscription, { nullable: true })
  async subscription(
    @Root() { stripePaymentIntentId }: Payment,
    @Ctx() { loaders }: Context,
  ): Promise<Subscription | null> {
    const invoice = await loaders.invoiceByPayment.load(stripePaymentIntentId);
    return invoice?.stripeSubscriptionId
      ? loaders.subscriptionByStripeId.load(invoice.stripeSubscriptionId)
      : null;
  }

  @FieldResolver(() => Purchase, { nullable: true })
  async purchase(@Root() { purchaseId }: Payment, @Ctx() { loaders }: Context): Promise<Purchase | null> {
    return purchaseId ? loaders.purchase.load(purchaseId) : null;
  }

  @FieldResolver(() => [Refund], {
    nullable: true,
    description: "What has gone back of it, is on its way, or failed to; oldest first.",
  })
  refunds(@Root() { stripePaymentIntentId }: Payment, @Ctx() { loaders }: Context): Promise<Refund[]> {
    return loaders.refunds.load(stripePaymentIntentId);
  }

  @FieldResolver(() => [Dispute], {
    nullable: true,
    description: "Role admin. What banks took back of it, or asked; oldest first.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  disputes(@Root() { stripePaymentIntentId }: Payment, @Ctx() { loaders }: Context): Promise<Dispute[]> {
    return loaders.disputes.load(stripePaymentIntentId);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: "Stripe's decline code or error code when the payment failed.",
  })
  failureCode(@Root() { failureCode }: Payment, @Ctx() { caller }: Context): string | null {
    return caller.isStaff ? (failureCode ?? null) : shownCode(failureCode);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: "Why it failed, in a sentence for the learner.",
  })
  failureMessage(@Root() { failureCode, failureMessage }: Payment): string | null {
    return failureCode || failureMessage ? adviceOn(failureCode).message : null;
  }

  @FieldResolver(() => String, { nullable: true, description: "Only its owner sees it." })
  receiptUrl(@Root() { userId, receiptUrl }: Payment, @Ctx() { caller }: Context): string | null {
    return caller.isOwner(userId) ? (receiptUrl ?? null) : null;
  }
}
