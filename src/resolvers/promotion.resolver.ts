import type { EntityManager } from "@mikro-orm/postgresql";
import { Arg, Ctx, Directive, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Promotion } from "../entities/promotion.ts";
import { BadUserInput } from "../errors.ts";
import type { PromotionService } from "../services/promotion.service.ts";
import { listPromotions } from "../services/promotion-list.ts";
import type { PromotionRedemptionService } from "../services/promotion-redemption.service.ts";
import type { Connection } from "../types/connection.ts";
import { PromotionConnection, RedeemedPromotion } from "../types/promotion.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";
import { CreatePromotionInput, RedeemPromotionInput } from "./inputs/promotion.inputs.ts";

/** Codes: redeemed by learners, made and ended by admins. */
@Resolver(() => Promotion)
export class PromotionResolver {
  constructor(
    private readonly em: EntityManager,
    private readonly service: PromotionService,
    private readonly redemptions: PromotionRedemptionService,
  ) {}

  @Query(() => PromotionConnection, { description: "Role admin. Newest first." })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  promotions(
    @Arg("isDeactivated", () => Boolean, { nullable: true }) isDeactivated: boolean | null,
    @Arg("code", () => String, { nullable: true }) code: string | null,
    @Arg("first", () => Int, { defaultValue: 20 }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
  ): Promise<Connection<Promotion>> {
    const chosen = { isDeactivated: isDeactivated ?? null, code: code ?? null };
    return listPromotions(this.em, { ...chosen, first, after: after ?? null });
  }

  @Mutation(() => RedeemedPromotion, {
    description: "Opens what a code gives access to. A code for a discount is entered at checkout instead.",
  })
  @Rule("signed-in")
  redeemPromotion(
    @Arg("input", () => RedeemPromotionInput) input: RedeemPromotionInput,
    @Ctx() { caller }: Context,
  ): Promise<RedeemedPromotion> {
    return this.redemptions.redeem(caller, input);
  }

  @Mutation(() => Promotion, { description: "Role admin. What a code does never changes afterwards." })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  createPromotion(
    @Arg("input", () => CreatePromotionInput) input: CreatePromotionInput,
    @Ctx() { caller }: Context,
  ): Promise<Promotion> {
    return this.service.create(caller, input);
  }

  @Mutation(() => Promotion, {
    description: "Role admin. Takes a code out of use; what was given with it stays.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  deactivatePromotion(
    @Arg("id", () => ID) id: string,
    @Arg("reason", () => String, { nullable: true }) reason: string | null,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<Promotion> {
    if (reason != null && (reason.length < 1 || reason.length > 500))
      throw new BadUserInput("reason", "A reason of 1 to 500 characters.");
    return this.service.deactivate(caller, id, reason ?? null, idempotencyKey);
  }

  @FieldResolver(() => Int, {
    description: "How often it gave what it promised: access, or a discount on something that was bought.",
  })
  redemptionCount(@Root() { id }: Promotion, @Ctx() { loaders }: Context): Promise<number> {
    return loaders.promotionUses.load(id);
  }
}
