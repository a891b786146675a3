import type { EntityManager } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import type { Promotion } from "../entities/promotion.ts";
import { OVER_TOTAL, OVER_USERS, PromotionRedemption } from "../entities/promotion-redemption.ts";
import { PromotionExhausted } from "../errors.ts";
import type { Write } from "../sync/write.ts";
import { unknownCode } from "./promotions-in-use.ts";

/** For what, and for whom, a place among the uses of a promotion is taken. */
export type Place = Pick<PromotionRedemption, "promotionId" | "userId"> &
  Partial<Pick<PromotionRedemption, "intentId" | "purchaseId" | "usedAt">>;

/**
 * Takes a place among the uses of a promotion, in the transaction of what it is for, under the user's lock. The
 * database counts, under the lock of the promotion's row: of any number at once none is too many. Returns its id.
 * @throws PromotionExhausted, and the transaction can only be given up then
 */
export async function takePlace(
  tx: EntityManager,
  { promotionId, userId, intentId = null, purchaseId = null, usedAt = null }: Place,
  now: Date,
  field: string,
): Promise<string> {
  const id = v7();
  try {
    await tx.execute(
      `insert into promotion_redemptions (id, promotion_id, user_id, intent_id, purchase_id, used_at, created_at)
       values (?, ?, ?, ?, ?, ?, ?)`,
      [id, promotionId, userId, intentId, purchaseId, usedAt, now],
    );
    return id;
  } catch (error) {
    const { constraint } = error as { constraint?: string };
    if (constraint === OVER_USERS) throw new PromotionExhausted(field, "you");
    if (constraint === OVER_TOTAL) throw new PromotionExhausted(field, "all");
    throw error;
  }
}

/**
 * The place that an attempt to buy holds until it is known where it leads: one for the attempt, however often it is
 * asked for. @throws PromotionExhausted, BadUserInput for one that was deactivated meanwhile
 */
export async function holdPlace(
  tx: EntityManager,
  place: Place & ({ intentId: string } | { purchaseId: string }),
  now: Date,
  field: string,
): Promise<void> {
  const { intentId, purchaseId } = place;
  const held = await tx.findOne(PromotionRedemption, intentId ? { intentId } : { purchaseId });
  if (held) return;
  const inUse = "select 1 from promotions where id = ? and deactivated_at is null for update";
  if ((await tx.execute<unknown[]>(inUse, [place.promotionId])).length === 0) throw unknownCode(field);
  await releaseWhatLedNowhere(tx, place.promotionId, now);
  await takePlace(tx, place, now, field);
}

/** A look ahead, before anything is begun: who comes too late is refused then and there. @throws PromotionExhausted */
export async function assertPlaceLeft(
  em: EntityManager,
  { id, maxPerUser, maxRedemptions }: Promotion,
  userId: string,
  { now, field }: { now: Date; field: string },
): Promise<void> {
  await releaseWhatLedNowhere(em, id, now);
  const [counted] = await em.execute<{ others: string; own: string }[]>(
    `select count(*) filter (where user_id <> ? or used_at is not null) as others,
            count(*) filter (where user_id = ? and used_at is not null) as own
       from promotion_redemptions where promotion_id = ? and released_at is null`,
    [userId, userId, id],
  );
  if (Number(counted?.own) >= maxPerUser) throw new PromotionExhausted(field, "you");
  if (maxRedemptions && Number(counted?.others) >= maxRedemptions) throw new PromotionExhausted(field, "all");
}

/** What was bought with an attempt's discount is used, also when the attempt was thought to lead nowhere. */
export async function placeIsUsed(
  { tx, now, audit }: Pick<Write, "tx" | "now" | "audit">,
  by: { intentId: string } | { purchaseId: string },
): Promise<void> {
  const [column, of] = "intentId" in by ? ["intent_id", by.intentId] : ["purchase_id", by.purchaseId];
  const [used] = await tx.execute<{ id: string }[]>(
    `update promotion_redemptions set used_at = ?, released_at = null
      where ${column} = ? and used_at is null returning id`,
    [now, of],
  );
  const after = { usedAt: now };
  if (used) audit("promotion_redemptions", used.id, { row: after, before: {}, after });
}

/** How often each of some promotions has given what it promised. */
export async function usesOf(em: EntityManager, promotionIds: readonly string[]): Promise<number[]> {
  const rows = await em.execute<{ promotion_id: string; uses: string }[]>(
    `select promotion_id, count(*) as uses from promotion_redemptions
      where promotion_id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as asked (id))
        and released_at is null and used_at is not null group by promotion_id`,
    [JSON.stringify(promotionIds)],
  );
  const uses = new Map(rows.map((row) => [row.promotion_id, Number(row.uses)]));
  return promotionIds.map((id) => uses.get(id) ?? 0);
}

/**
 * Attempts end in many ways (refused, abandoned, expired, by a crash): whether one still leads somewhere is seen from
 * the rows when somebody wants its place, so that nothing has to be told. One whose intent is gone ended long ago.
 */
async function releaseWhatLedNowhere(em: EntityManager, promotionId: string, now: Date): Promise<void> {
  await em.execute(
    `update promotion_redemptions set released_at = ? where id in (
      select held.id from promotion_redemptions held
       where held.promotion_id = ? and held.used_at is null and held.released_at is null
         and not exists (${LEADS_ON}) and not exists (${MAY_BE_BOUGHT})
         for update skip locked)`,
    [now, promotionId],
  );
}

const LEADS_ON = `
  select 1 from intents intent
    left join checkout_sessions session on session.id = intent.stripe_id
    left join subscriptions made
      on made.stripe_subscription_id = coalesce(session.stripe_subscription_id, intent.stripe_id)
   where intent.id = held.intent_id and intent.state <> 'FAILED' and coalesce(session.status <> 'expired', true)
     and (made.ended_at is null or made.was_live and not made.is_trial_refused)`;

const MAY_BE_BOUGHT = `
  select 1 from purchases purchase
   where purchase.id = held.purchase_id and purchase.status not in ('FAILED', 'EXPIRED')`;
