import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { PurchasableType } from "../types/enums.ts";
import { flag, instant, integer, isCurrency, isOneOf, isOpaqueId, minor, text } from "./columns.ts";

/** What one course or path costs on its own, and whether a platform subscription opens it too. */
@Entity({ tableName: "offers" })
@Check({ name: "offers_resource_type", expression: isOneOf("resource_type", Object.keys(PurchasableType)) })
@Check({ name: "offers_resource_id", expression: isOpaqueId("resource_id") })
@Check({ name: "offers_price", expression: `amount_minor > 0 and ${isCurrency("currency")}` })
export class Offer {
  @PrimaryKey(text())
  resourceType!: PurchasableType;

  @PrimaryKey(text())
  resourceId!: string;

  @Property(text())
  title!: string;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  @Property(flag())
  isStandard: boolean = true;

  @Property(flag())
  isActive: boolean = true;

  @Property(integer())
  version: number = 1;

  @Property(instant())
  createdAt: Date = new Date();
}

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
