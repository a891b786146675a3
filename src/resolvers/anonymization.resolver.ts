import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { AnonymizedUser } from "../entities/anonymized-user.ts";
import type { AnonymizationService } from "../services/anonymization.service.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";

@Resolver(() => AnonymizedUser)
export class AnonymizationResolver {
  constructor(private readonly anonymizations: AnonymizationService) {}

  @Mutation(() => AnonymizedUser, {
    description:
      "Role admin. For good: ends the user's billing and access, and severs who they are from what has to be kept.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  anonymizeUser(
    @Arg("userId", () => ID) userId: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<AnonymizedUser> {
    return this.anonymizations.anonymize(caller, userId, idempotencyKey);
  }
}
