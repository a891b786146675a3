import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import { Promotion } from "../entities/promotion.ts";
import { PromotionRedemption } from "../entities/promotion-redemption.ts";
import { UserAccess } from "../entities/user-access.ts";
import { PromotionNotApplicable } from "../errors.ts";
import type { RedeemPromotionInput } from "../resolvers/inputs/promotion.inputs.ts";
import type { Road } from "../sync/road.ts";
import type { Write } from "../sync/write.ts";
import type { RedeemedPromotion } from "../types/promotion.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import { accessPeriod } from "./promotion-access.ts";
import { takePlace } from "./promotion-places.ts";
import { promotionInUse, unknownCode } from "./promotions-in-use.ts";

const FIELD = "input.code";

/** Codes that give access, redeemed by whom they were given to. */
export class PromotionRedemptionService {
  constructor(
    private readonly em: EntityManager,
    private readonly road: Road,
    private readonly idempotency: IdempotencyService,
  ) {}

  /**
   * Takes a place among the uses of the code and gives its access, in one transaction.
   * @throws BadUserInput for a code that is not in use, PromotionExpired, PromotionExhausted, PromotionNotApplicable
   */
  redeem(caller: Caller, input: RedeemPromotionInput): Promise<RedeemedPromotion> {
    const userId = caller.ownId();
    return this.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "redeemPromotion", input },
      work: (keep) =>
        this.road.write(userId, null, async (write) => {
          const id = await give(write.by({ actor: caller.actor, reason: null }), input.code);
          return keep(write.tx, id);
        }),
      read: (id) => this.read(id),
    });
  }

  private async read(id: string): Promise<RedeemedPromotion> {
    const em = this.em.fork();
    const { promotionId, createdAt } = await em.findOneOrFail(PromotionRedemption, { id });
    const [{ code }, access] = await Promise.all([
      em.fork().findOneOrFail(Promotion, { id: promotionId }),
      em.fork().findOneOrFail(UserAccess, { source: "PROMOTION", sourceId: id }),
    ]);
    return { id, code, access, redeemedAt: createdAt };
  }
}

async function give(write: Write, code: string): Promise<string> {
  const { tx, userId, now } = write;
  const promotion = await promotionInUse(tx, { code, field: FIELD }, now, true);
  if (!promotion) throw unknownCode(FIELD);
  const { access, id: promotionId } = promotion;
  if (!access)
    throw new PromotionNotApplicable(FIELD, "This code is a discount: enter it when you pay, at checkout.");
  const id = await takePlace(tx, { promotionId, userId, usedAt: now }, now, FIELD);
  const period = await accessPeriod(write, access, FIELD);
  const row = { promotionId, usedAt: now };
  write.audit("promotion_redemptions", id, { row, before: null, after: row });
  const { scope, resourceId } = access;
  write.access.give(write, { source: "PROMOTION", sourceId: id, scope, resourceId, ...period });
  return id;
}
