import { Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { Context } from "../context.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { Course, LearningPath, reference, User } from "../types/federated.ts";

@Resolver(() => Purchase)
export class PurchaseResolver {
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
