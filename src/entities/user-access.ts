import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { AccessScope, AccessSource } from "../types/enums.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isOneOf, isOpaqueId, nullable, text, uuid } from "./columns.ts";

/** A grant: the truth about access. Names the one source that made it, and ends with it. */
@Entity({ tableName: "user_access" })
@Unique({
  name: "user_access_source",
  expression:
    "create unique index user_access_source on user_access (user_id, source, source_id, scope, resource_id) nulls not distinct",
})
@Index({
  name: "user_access_decision",
  expression:
    "create index user_access_decision on user_access (user_id, scope, resource_id) include (starts_at, expires_at, source) where revoked_at is null",
})
@Index({ name: "user_access_by_source", properties: ["sourceId"] })
@Check({ name: "user_access_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "user_access_source_word", expression: isOneOf("source", Object.keys(AccessSource)) })
@Check({ name: "user_access_scope_word", expression: isOneOf("scope", Object.keys(AccessScope)) })
@Check({ name: "user_access_resource", expression: "(scope = 'PLATFORM') = (resource_id is null)" })
@ObjectType({
  description: "One grant. PLATFORM opens all standard content; a path opens the courses in it.",
})
@Directive('@key(fields: "id")')
export class UserAccess {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Field(() => AccessSource)
  @Property(text())
  source!: AccessSource;

  /** Our id of what granted it: a subscription, a purchase, a promotion. */
  @Property(text())
  sourceId!: string;

  @Field(() => AccessScope)
  @Property(text())
  scope!: AccessScope;

  @Field(() => ID, { nullable: true, description: "Null for PLATFORM." })
  @Property(text(nullable))
  resourceId?: string | null;

  @Field(() => DateTime)
  @Property(instant())
  startsAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "Null: until revoked." })
  @Property(instant(nullable))
  expiresAt?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  revokedAt?: Date | null;

  @Property(integer())
  version: number = 1;

  /** Whether the grant is in force at `now`. */
  isActiveAt(now: Date): boolean {
    return !this.revokedAt && this.startsAt <= now && (!this.expiresAt || now < this.expiresAt);
  }
}
