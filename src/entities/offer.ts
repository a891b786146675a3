import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { Field, ID, ObjectType } from "type-graphql";
import { connectionOf } from "../types/connection.ts";
import { PurchasableType } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { flag, instant, integer, isCurrency, isOneOf, isOpaqueId, minor, text } from "./columns.ts";

/** What one course or path costs on its own, and whether a platform subscription opens it too. */
@Entity({ tableName: "offers" })
@Index({
  name: "offers_listed",
  expression: "create index offers_listed on offers (created_at desc, resource_type desc, resource_id desc)",
})
@Index({
  name: "offers_listed_by_type",
  expression:
    "create index offers_listed_by_type on offers (resource_type, created_at desc, resource_id desc)",
})
@Check({ name: "offers_resource_type", expression: isOneOf("resource_type", Object.keys(PurchasableType)) })
@Check({ name: "offers_resource_id", expression: isOpaqueId("resource_id") })
@Check({ name: "offers_price", expression: `amount_minor > 0 and ${isCurrency("currency")}` })
@Check({
  name: "offers_credit",
  expression: "resource_type = 'LEARNING_PATH' or not credits_owned_courses",
})
@ObjectType({
  description:
    "What one course or learning path costs when bought on its own. The price is the server's; clients never send one.",
})
export class Offer {
  @Field(() => PurchasableType)
  @PrimaryKey(text())
  resourceType!: PurchasableType;

  @Field(() => ID)
  @PrimaryKey(text())
  resourceId!: string;

  @Field()
  @Property(text())
  title!: string;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  @Field({
    description:
      "Whether a platform subscription opens it too. False: only its own grant does. What has no offer is standard.",
  })
  @Property(flag())
  isStandard: boolean = true;

  @Field({ description: "False: it cannot be bought now; those who have it keep it." })
  @Property(flag())
  isActive: boolean = true;

  @Field({
    description:
      "Of a learning path: whether what a learner paid for courses of it that they own is taken off its price.",
  })
  @Property(flag())
  creditsOwnedCourses: boolean = false;

  @Property(integer())
  version: number = 1;

  @Property(instant())
  createdAt: Date = new Date();

  @Field(() => MonetaryAmount)
  get price(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }
}

export const OfferConnection = connectionOf("Offer", Offer);

/** A course in a learning path; owning the path opens it, also when it was added later. */
@Entity({ tableName: "learning_path_courses" })
@Check({
  name: "learning_path_courses_ids",
  expression: `${isOpaqueId("path_id")} and ${isOpaqueId("course_id")}`,
})
export class LearningPathCourse {
  @PrimaryKey(text())
  pathId!: string;

  @Index({ name: "learning_path_courses_by_course" })
  @PrimaryKey(text())
  courseId!: string;

  @Property(integer())
  position!: number;
}
