import { Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import { Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import type { Decision } from "../services/access.service.ts";
import type { PurchasableType } from "../types/enums.ts";
import { Course, LearningPath, User } from "../types/federated.ts";
import { AccessDecision } from "../types/results.ts";

/** What payments add to a user. Private to them; nullable, so that a refusal never takes other teams' data along. */
@Resolver(() => User)
export class UserResolver {
  @FieldResolver(() => Subscription, {
    nullable: true,
    description: "The live subscription, or the latest that ended; null when the user never had one (Free).",
  })
  @Rule("owner")
  subscription(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<Subscription | null> {
    return loaders.currentSubscription.load(id);
  }

  @FieldResolver(() => [PaymentMethod], { nullable: true, description: "Newest first." })
  @Rule("owner")
  paymentMethods(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<PaymentMethod[]> {
    return loaders.paymentMethods.load(id);
  }

  @FieldResolver(() => [UserAccess], { nullable: true, description: "Grants in force now." })
  @Rule("owner")
  access(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<UserAccess[]> {
    return loaders.grants.load(id);
  }
}

const VIEWER_ACCESS =
  "For the signed-in user; not granted when nobody is; null with an error when it cannot be told.";

@Resolver(() => Course)
export class CourseResolver {
  @FieldResolver(() => AccessDecision, { nullable: true, description: VIEWER_ACCESS })
  @Rule("viewer")
  viewerAccess(@Root() { id }: Course, @Ctx() context: Context): Promise<Decision> {
    return viewerAccess(context, "COURSE", id);
  }
}

@Resolver(() => LearningPath)
export class LearningPathResolver {
  @FieldResolver(() => AccessDecision, { nullable: true, description: VIEWER_ACCESS })
  @Rule("viewer")
  viewerAccess(@Root() { id }: LearningPath, @Ctx() context: Context): Promise<Decision> {
    return viewerAccess(context, "LEARNING_PATH", id);
  }
}

async function viewerAccess(
  { caller, loaders }: Context,
  resourceType: PurchasableType,
  resourceId: string,
): Promise<Decision> {
  if (!caller.isKnown) return { granted: false, source: null, expiresAt: null };
  return loaders.decision.load({ userId: caller.ownId(), resourceType, resourceId });
}
