import type { EntityManager } from "@mikro-orm/postgresql";
import { v5, v7 } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { codeKeyOf, Promotion } from "../entities/promotion.ts";
import { PromotionRedemption } from "../entities/promotion-redemption.ts";
import { UserAccess } from "../entities/user-access.ts";
import { PromotionNotApplicable } from "../errors.ts";
import type { RedeemPromotionInput } from "../resolvers/inputs/promotion.inputs.ts";
import type { Road, Write } from "../sync/road.ts";
import type { RedeemedPromotion } from "../types/promotion.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import { accessPeriod } from "./promotion-access.ts";
import { takePlace } from "./promotion-places.ts";
import { promotionInUse, unknownCode } from "./promotions-in-use.ts";

const FIELD = "input.code";
/** Of the ids of redemptions that were asked for under a client's key. */
const NAMESPACE = "0d6f7f0e-8c0b-5d0e-9a53-6a3f0c5f7b21";

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
    const key = input.idempotencyKey;
    return this.idempotency.run({
      ...{ caller, key, operation: "redeemPromotion", input },
      work: () =>
        this.road.write(userId, null, async (write) => {
          // a call that died between its commit and the note under its key is found again
          const id = key ? v5(`${userId}:${key}:${codeKeyOf(input.code)}`, NAMESPACE) : v7();
          const isDone = key != null && (await write.tx.findOne(PromotionRedemption, { id })) !== null;
          if (!isDone) await give(write.by({ actor: caller.actor, reason: null }), id, input.code);
          return id;
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

async function give(write: Write, id: string, code: string): Promise<void> {
  const { tx, userId, now } = write;
  const promotion = await promotionInUse(tx, { code, field: FIELD }, now, true);
  if (!promotion) throw unknownCode(FIELD);
  const { access, id: promotionId } = promotion;
  if (!access)
    throw new PromotionNotApplicable(FIELD, "This code is a discount: enter it when you pay, at checkout.");
  await takePlace(tx, { id, promotionId, userId, usedAt: now }, now, FIELD);
  const period = await accessPeriod(write, access, FIELD);
  const row = { promotionId, usedAt: now };
  write.audit("promotion_redemptions", id, { row, before: null, after: row });
  const { scope, resourceId } = access;
  write.access.give(write, { source: "PROMOTION", sourceId: id, scope, resourceId, ...period });
}
