import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { Field, ID, ObjectType } from "type-graphql";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isOpaqueId, nullable, text } from "./columns.ts";

/**
 * A user who is nobody any more: what stops a token that is still valid from making them anew. It holds the platform's
 * id, which is what the token says, and of all else that it knew meanwhile the days alone; decision 0024.
 */
@Entity({ tableName: "anonymized_users" })
@Check({ name: "anonymized_users_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "anonymized_users_cut", expression: "(pseudonym is null) = (finished_at is not null)" })
@Index({
  name: "anonymized_users_due",
  expression: "create index anonymized_users_due on anonymized_users (next_try_at) where finished_at is null",
})
@ObjectType({ description: "A user whose identity was severed from what the service keeps. For admins." })
export class AnonymizedUser {
  @Field(() => ID)
  @PrimaryKey(text())
  userId!: string;

  /** Under what their rows go on, for as long as the work needs to know it; then nothing links the two. */
  @Property(text(nullable))
  pseudonym?: string | null;

  /** Once all is done the day alone is left of each: what was written in the same moment would lead to whom it was. */
  @Field(() => DateTime, { description: "To the day, once all is done." })
  @Property(instant())
  requestedAt!: Date;

  /** Since when no row of ours names them. Before that their billing is being ended. */
  @Property(instant(nullable))
  severedAt?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      "When the last trace was removed, at the payment provider too, to the day; null while that goes on.",
  })
  @Property(instant(nullable))
  finishedAt?: Date | null;

  /** How often the round has begun to carry it on; 0 again at the end. */
  @Property(integer())
  tries: number = 0;

  @Property({ ...instant(), defaultRaw: "now()" })
  nextTryAt!: Date;
}
