import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase, PurchaseConnection } from "../entities/purchase.ts";
import { pageAsked } from "../services/pages.ts";
import type { PurchaseService } from "../services/purchase.service.ts";
import type { Connection } from "../types/connection.ts";
import { Course, LearningPath, reference, User } from "../types/federated.ts";
import { PurchaseResult } from "../types/results.ts";
import { PageArgs } from "./inputs/page.inputs.ts";
import { CreatePurchaseInput } from "./inputs/purchase.inputs.ts";

@Resolver(() => Purchase)
export class PurchaseResolver {
  constructor(private readonly purchasing: PurchaseService) {}

  @Query(() => PurchaseConnection, { description: "Newest first; those that came to nothing too." })
  @Rule("signed-in")
  purchases(
    @UserId() userId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Purchase>> {
    return loaders.purchases.load(pageAsked({ ...page, userId }));
  }

  @Query(() => Purchase, { nullable: true })
  @Rule("signed-in")
  async purchase(
    @Arg("id", () => ID) id: string,
    @Ctx() { caller, loaders }: Context,
  ): Promise<Purchase | null> {
    const found = await loaders.purchase.load(id);
    return found && caller.maySee(found.userId) ? found : null;
  }

  @Mutation(() => PurchaseResult, {
    description: "Buys a course or path, once and for good. A platform subscriber may buy as well.",
  })
  @Rule("signed-in")
  async createPurchase(
    @Arg("input", () => CreatePurchaseInput) input: CreatePurchaseInput,
    @Ctx() { caller }: Context,
  ): Promise<PurchaseResult> {
    const purchase = await this.purchasing.create(caller, input);
    return { purchase, ...(await this.purchasing.nextStep(purchase)) };
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Purchase): User {
    return reference(User, userId);
  }

  @FieldResolver(() => Course, { nullable: true })
  course(@Root() { resourceType, resourceId }: Purchase): Course | null {
    return resourceType === "COURSE" ? reference(Course, resourceId) : null;
  }

  @FieldResolver(() => LearningPath, { nullable: true })
  learningPath(@Root() { resourceType, resourceId }: Purchase): LearningPath | null {
    return resourceType === "LEARNING_PATH" ? reference(LearningPath, resourceId) : null;
  }

  @FieldResolver(() => Payment, { nullable: true })
  async payment(
    @Root() { stripePaymentIntentId }: Purchase,
    @Ctx() { loaders }: Context,
  ): Promise<Payment | null> {
    return stripePaymentIntentId ? loaders.paymentByStripeId.load(stripePaymentIntentId) : null;
  }
}
