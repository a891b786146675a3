import { Directive, Field, ID, ObjectType } from "type-graphql";

/** Owned by the User service; here only what payments know about it. */
@ObjectType()
@Directive('@key(fields: "id")')
export class User {
  @Field(() => ID)
  id!: string;
}

/** Owned by the Course service. */
@ObjectType()
@Directive('@key(fields: "id")')
export class Course {
  @Field(() => ID)
  id!: string;
}

/** Owned by the Course service. */
@ObjectType()
@Directive('@key(fields: "id")')
export class LearningPath {
  @Field(() => ID)
  id!: string;
}

/** A reference to an entity of another subgraph. */
export const reference = <T extends { id: string }>(type: new () => T, id: string): T =>
  Object.assign(new type(), { id });
