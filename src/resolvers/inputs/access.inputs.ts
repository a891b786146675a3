import { IsOptional, Length, Matches } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { OPAQUE_ID } from "../../auth/caller.ts";
import { AccessScope } from "../../types/enums.ts";
import { DateTime } from "../../types/scalars.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";

const FORM = "An id has 1 to 128 printable characters.";

@InputType()
export class GrantAccessInput {
  @Field(() => ID)
  @Matches(OPAQUE_ID, { message: FORM })
  userId!: string;

  @Field(() => AccessScope)
  scope!: AccessScope;

  @Field(() => ID, { nullable: true, description: "The course or path; none for PLATFORM." })
  @IsOptional()
  @Matches(OPAQUE_ID, { message: FORM })
  resourceId?: string | null;

  @Field(() => DateTime, { nullable: true, description: "Until revoked, when left out." })
  expiresAt?: Date | null;

  @Field({ description: "For the audit log; 1 to 500 characters." })
  @Length(1, 500, { message: "A reason of 1 to 500 characters." })
  reason!: string;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
