import { Field, ID, ObjectType, registerEnumType } from "type-graphql";
import { connectionOf } from "./connection.ts";
import { DateTime } from "./scalars.ts";

/** What an entry is about; the values are the tables of the audit log. */
export const HistorySubject = {
  SUBSCRIPTION: "subscriptions",
  ACCESS: "user_access",
  INVOICE: "invoices",
} as const;
export type HistorySubject = (typeof HistorySubject)[keyof typeof HistorySubject];
registerEnumType(HistorySubject, {
  name: "HistorySubject",
  description: "The subscription itself, a grant that it gave, or one of its invoices.",
});

@ObjectType()
export class FieldChange {
  @Field()
  field!: string;

  @Field(() => String, { nullable: true, description: "As JSON; null when there was nothing." })
  before!: string | null;

  @Field(() => String, { nullable: true, description: "As JSON; null when there is nothing any more." })
  after!: string | null;
}

@ObjectType({ description: "An entry of the audit log. For admins; ids at Stripe are not shown." })
export class SubscriptionHistoryEntry {
  @Field(() => ID)
  id!: string;

  @Field(() => DateTime)
  at!: Date;

  @Field({
    description:
      "`user:<id>`, `admin:<id>` or `service:<id>` for who asked, `stripe` for what arrived, `service:payment` for what the service decided.",
  })
  actor!: string;

  @Field({
    description: "`created` or `changed` for rows; else what was asked or decided, e.g. `changePlan`.",
  })
  action!: string;

  @Field(() => HistorySubject)
  subject!: HistorySubject;

  @Field(() => ID, { description: "Our id of the subscription, the grant or the invoice." })
  subjectId!: string;

  @Field(() => String, { nullable: true })
  reason!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The event of Stripe's that set it off: see `webhookEvents`.",
  })
  causedBy!: string | null;

  @Field(() => [FieldChange])
  changes!: FieldChange[];
}

export const SubscriptionHistoryConnection = connectionOf("SubscriptionHistory", SubscriptionHistoryEntry);
