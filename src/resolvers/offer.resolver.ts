import { Arg, Ctx, Directive, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Offer, OfferConnection } from "../entities/offer.ts";
import type { OfferService } from "../services/offer.service.ts";
import type { Connection } from "../types/connection.ts";
import { PurchasableType } from "../types/enums.ts";
import { Course, LearningPath, reference } from "../types/federated.ts";
import { UpsertOfferInput } from "./inputs/offer.inputs.ts";

/** What courses and paths cost on their own. */
@Resolver(() => Offer)
export class OfferResolver {
  constructor(private readonly offersService: OfferService) {}

  @Query(() => OfferConnection, {
    description: "What can be bought, newest first. Public; includeInactive is for admins.",
  })
  @Rule("public")
  offers(
    @Arg("resourceType", () => PurchasableType, { nullable: true }) resourceType: PurchasableType | null,
    @Arg("first", () => Int, { defaultValue: 50, description: "1 to 100." }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
    @Arg("includeInactive", () => Boolean, { defaultValue: false }) includeInactive: boolean,
    @Ctx() { caller }: Context,
  ): Promise<Connection<Offer>> {
    const page = { resourceType: resourceType ?? null, first, after: after ?? null, includeInactive };
    return this.offersService.list(caller, page);
  }

  @Mutation(() => Offer, {
    description: "Role admin or service: what a course or path costs, and which courses a path holds.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("staff")
  upsertOffer(
    @Arg("input", () => UpsertOfferInput) input: UpsertOfferInput,
    @Ctx() { caller }: Context,
  ): Promise<Offer> {
    return this.offersService.upsert(caller, input);
  }

  @FieldResolver(() => Course, { nullable: true })
  course(@Root() { resourceType, resourceId }: Offer): Course | null {
    return resourceType === "COURSE" ? reference(Course, resourceId) : null;
  }

  @FieldResolver(() => LearningPath, { nullable: true })
  learningPath(@Root() { resourceType, resourceId }: Offer): LearningPath | null {
    return resourceType === "LEARNING_PATH" ? reference(LearningPath, resourceId) : null;
  }

  @FieldResolver(() => [ID], {
    nullable: true,
    description: "Of a learning path: the courses it opens, in their order. Null for a course.",
  })
  async courseIds(
    @Root() { resourceType, resourceId }: Offer,
    @Ctx() { loaders }: Context,
  ): Promise<string[] | null> {
    return resourceType === "LEARNING_PATH" ? loaders.coursesOfPath.load(resourceId) : null;
  }

  @FieldResolver(() => [Course], { nullable: true, description: "The same as `courseIds`, to be joined." })
  async courses(@Root() { resourceType, resourceId }: Offer, @Ctx() { loaders }: Context) {
    if (resourceType !== "LEARNING_PATH") return null;
    return (await loaders.coursesOfPath.load(resourceId)).map((id) => reference(Course, id));
  }
}
