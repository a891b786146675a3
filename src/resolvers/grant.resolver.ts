import { Arg, Ctx, Directive, ID, Mutation, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { UserAccess } from "../entities/user-access.ts";
import { BadUserInput } from "../errors.ts";
import type { GrantService } from "../services/grant.service.ts";
import { GrantAccessInput } from "./inputs/access.inputs.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";

/** Access by hand, for staff. */
@Resolver(() => UserAccess)
export class GrantResolver {
  constructor(private readonly grants: GrantService) {}

  @Mutation(() => UserAccess, { description: "Role admin or service: promotional or support grant." })
  @Directive('@tag(name: "internal")')
  @Rule("staff")
  grantAccess(
    @Arg("input", () => GrantAccessInput) input: GrantAccessInput,
    @Ctx() { caller }: Context,
  ): Promise<UserAccess> {
    return this.grants.grant(caller, input);
  }

  @Mutation(() => UserAccess, {
    description:
      "Role admin or service. What follows from a subscription or a purchase ends with that: CONFLICT.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("staff")
  revokeAccess(
    @Arg("id", () => ID) id: string,
    @Arg("reason", () => String, { nullable: true }) reason: string | null,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<UserAccess> {
    if (reason != null && (reason.length < 1 || reason.length > 500))
      throw new BadUserInput("reason", "A reason of 1 to 500 characters.");
    return this.grants.revoke(caller, id, reason ?? null, idempotencyKey);
  }
}
