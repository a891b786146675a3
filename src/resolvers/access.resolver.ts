import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Clock } from "../clock.ts";
import type { Context } from "../context.ts";
import { UserAccess } from "../entities/user-access.ts";
import { type AccessService, questionOf } from "../services/access.service.ts";
import { PurchasableType } from "../types/enums.ts";
import { Course, LearningPath, reference, User } from "../types/federated.ts";
import { AccessDecision } from "../types/results.ts";

@Resolver(() => UserAccess)
export class AccessResolver {
  constructor(
    private readonly access: AccessService,
    private readonly clock: Clock,
  ) {}

  @Query(() => [UserAccess], { description: "Newest first; those in force now unless includeInactive." })
  @Rule("signed-in")
  userAccess(
    @UserId() userId: string,
    @Arg("includeInactive", () => Boolean, { defaultValue: false }) includeInactive: boolean,
  ): Promise<UserAccess[]> {
    return this.access.grantsOf([userId], includeInactive);
  }

  @Query(() => AccessDecision, { description: "May this user open this course or learning path?" })
  @Rule("signed-in")
  accessTo(
    @UserId() userId: string,
    @Arg("resourceType", () => PurchasableType) resourceType: PurchasableType,
    @Arg("resourceId", () => ID) resourceId: string,
    @Ctx() { loaders }: Context,
  ): Promise<AccessDecision> {
    return loaders.decision.load(questionOf(userId, resourceType, resourceId));
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: UserAccess): User {
    return reference(User, userId);
  }

  @FieldResolver(() => Course, { nullable: true })
  course(@Root() { scope, resourceId }: UserAccess): Course | null {
    return scope === "COURSE" && resourceId ? reference(Course, resourceId) : null;
  }

  @FieldResolver(() => LearningPath, { nullable: true })
  learningPath(@Root() { scope, resourceId }: UserAccess): LearningPath | null {
    return scope === "LEARNING_PATH" && resourceId ? reference(LearningPath, resourceId) : null;
  }

  @FieldResolver(() => Boolean)
  isActive(@Root() grant: UserAccess): boolean {
    return grant.isActiveAt(this.clock.now());
  }
}
