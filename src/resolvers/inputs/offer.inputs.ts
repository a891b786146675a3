import { ArrayMaxSize, ArrayUnique, IsOptional, Length, Matches, Max, Min } from "class-validator";
import { Field, ID, InputType } from "type-graphql";
import { OPAQUE_ID } from "../../auth/caller.ts";
import { MAX_CHARGE_MINOR } from "../../currencies.ts";
import { PurchasableType } from "../../types/enums.ts";
import { Currency, SafeInt } from "../../types/scalars.ts";
import { IdempotencyKeyField } from "./idempotency-key.ts";

const ID_FORM = "An id has 1 to 128 printable characters.";
/** More courses than any path has; what is more is a mistake. */
export const MAX_COURSES = 500;
const MAX_TITLE = 250;
/** At least one character that can be seen, and none that controls a terminal or breaks a line. */
const TITLE = /^(?=.*[^\s\p{Cf}])[^\p{Cc}\u2028\u2029]*$/u;

@InputType()
export class UpsertOfferInput {
  @Field(() => PurchasableType)
  resourceType!: PurchasableType;

  @Field(() => ID)
  @Matches(OPAQUE_ID, { message: ID_FORM })
  resourceId!: string;

  @Field({ description: `What buyers read on the page and on their invoice; 1 to ${MAX_TITLE} characters.` })
  @Length(1, MAX_TITLE, { message: `A title of 1 to ${MAX_TITLE} characters.` })
  @Matches(TITLE, { message: "A title is one line of text." })
  title!: string;

  @Field(() => SafeInt, { description: "Minor units as Stripe counts them: cents; yen as they are." })
  @Min(1, { message: "A price is at least one minor unit." })
  @Max(MAX_CHARGE_MINOR, { message: "Stripe takes at most eight digits." })
  amount!: number;

  @Field(() => Currency)
  @Matches(/^[A-Z]{3}$/, { message: "A currency is three upper-case letters." })
  currency!: string;

  @Field({ defaultValue: true, description: "Whether a platform subscription opens it too." })
  isStandard!: boolean;

  @Field({ defaultValue: true, description: "Whether it can be bought." })
  isActive!: boolean;

  @Field({
    defaultValue: false,
    description:
      "For a LEARNING_PATH: whether what a learner paid for courses of it that they own is taken off its price.",
  })
  creditsOwnedCourses!: boolean;

  @Field(() => [ID], {
    nullable: true,
    description:
      "For a LEARNING_PATH: all the courses it opens, in their order. Left out, they stay as they are.",
  })
  @IsOptional()
  @ArrayMaxSize(MAX_COURSES, { message: `At most ${MAX_COURSES} courses.` })
  @ArrayUnique({ message: "Each course once." })
  @Matches(OPAQUE_ID, { each: true, message: ID_FORM })
  courseIds?: string[] | null;

  @IdempotencyKeyField()
  idempotencyKey?: string | null;
}
