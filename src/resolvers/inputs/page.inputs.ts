import { ArgsType, Field, Int } from "type-graphql";
import { PaymentStatus } from "../../types/enums.ts";
import { DateTime } from "../../types/scalars.ts";

/** Which page of a list. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 20, description: "1 to 100." })
  first!: number;

  @Field(() => String, { nullable: true, description: "A cursor of this list: what comes after it." })
  after?: string | null;
}

/** Which payments, and which page of them. */
@ArgsType()
export class PaymentsArgs extends PageArgs {
  @Field(() => [PaymentStatus], { nullable: true, description: "Only those in one of these; left out: all." })
  statuses?: PaymentStatus[] | null;

  @Field(() => DateTime, { nullable: true, description: "Only those made then or later." })
  createdFrom?: Date | null;

  @Field(() => DateTime, { nullable: true, description: "Only those made earlier." })
  createdBefore?: Date | null;
}
