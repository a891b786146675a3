import { Ctx, Query, Resolver } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import type { UserDataService } from "../services/user-data.service.ts";
import { JsonObject } from "../types/scalars.ts";

@Resolver()
export class UserDataResolver {
  constructor(private readonly userData: UserDataService) {}

  @Query(() => JsonObject, {
    description:
      "All that this service keeps of a user, as one document (docs/user-data.md): for the user in person, and for admins. EXPORT_TOO_LARGE when it is more than an answer holds.",
  })
  @Rule("signed-in")
  userDataExport(@UserId() userId: string, @Ctx() { caller }: Context): Promise<object> {
    return this.userData.document(caller, userId);
  }
}
