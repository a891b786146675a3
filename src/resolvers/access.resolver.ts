import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Clock } from "../clock.ts";
import type { Context } from "../context.ts";
import { UserAccess } from "../entities/user-access.ts";
import type { AccessService } from "../services/access.service.ts";
import { questionOf } from "../services/access-question.ts";
import { PurchasableType } from "../types/enums.ts";
import { Course, LearningPath, reference, User } from "../types/federated.ts";
import { AccessDecision } from "../types/results.ts";
import { DateTime } from "../types/scalars.ts";

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

  @Query(() => AccessDecision, {
    description:
      "May this user open this course or learning path? `asOf` a moment of the past: what was answered then, and why.",
  })
  @Rule("signed-in")
  async accessTo(
    @UserId() userId: string,
    @Arg("resourceType", () => PurchasableType) resourceType: PurchasableType,
    @Arg("resourceId", () => ID) resourceId: string,
    @Arg("asOf", () => DateTime, { nullable: true, description: "For admins." }) asOf: Date | null,
    @Ctx() { caller, loaders }: Context,
  ): Promise<AccessDecision> {
    const question = questionOf(userId, resourceType, resourceId);
    return asOf ? this.access.decisionAt(caller, question, asOf) : loaders.decision.load(question);
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
