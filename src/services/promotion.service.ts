import { type EntityManager, LockMode } from "@mikro-orm/postgresql";
import { validate as isUuid, v7 } from "uuid";
import { audit } from "../audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { Intent } from "../entities/intent.ts";
import { Promotion } from "../entities/promotion.ts";
import { BadUserInput, Conflict, NotFound } from "../errors.ts";
import { IntentLapsed, isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { openIntent } from "../intents/open-intent.ts";
import type { CreatePromotionInput } from "../resolvers/inputs/promotion.inputs.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { lockUser } from "../user-lock.ts";
import type { IdempotencyService, Keep } from "./idempotency.service.ts";
import { discountAtStripe } from "./promotion-at-stripe.ts";
import { type PromotionTerms, termsOf } from "./promotion-terms.ts";

/** What promotions are made with. */
export interface PromotionParts {
  intents: Intents;
  stripe: StripeGateway;
  clock: Clock;
  idempotency: IdempotencyService;
}

/** Codes as admins make them and take them out of use. */
export class PromotionService {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: PromotionParts,
  ) {}

  /**
   * A code that discounts subscriptions is made at Stripe too; until it is there it cannot be used.
   * @throws Forbidden, BadUserInput for a code that is in use or for what contradicts itself
   */
  create(caller: Caller, input: CreatePromotionInput): Promise<Promotion> {
    caller.assertAdmin();
    return this.parts.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "createPromotion", input },
      intent: { kind: "create-promotion", answer: (made) => this.madeAs(made) },
      work: async (keep) => {
        const terms = termsOf(input, this.parts.clock.now());
        const params =
          terms.duration && !terms.itemType
            ? await discountAtStripe({ em: this.em.fork(), stripe: this.parts.stripe }, terms)
            : null;
        const id = v7();
        const made = { id, terms, params, reason: input.reason ?? null };
        const intentId = await this.write(caller, made, keep);
        if (intentId) await this.publish(terms.codeKey, intentId);
        return id;
      },
      read: (reference) => find(this.em.fork(), reference),
    });
  }

  /**
   * Takes a code out of use, here at once and then at Stripe. What was given with it stays.
   * @throws Forbidden, NotFound, Conflict (retryable) while it is still being made at Stripe
   */
  deactivate(caller: Caller, id: string, reason: string | null, key: string | null): Promise<Promotion> {
    caller.assertAdmin();
    return this.parts.idempotency.run({
      ...{ caller, key, operation: "deactivatePromotion", input: { id, reason } },
      intent: { kind: "deactivate-promotion", answer: async () => id },
      work: async (keep) => {
        const intentId = await this.end(caller, { id, reason }, keep);
        if (intentId) await this.parts.intents.carryThrough(intentId);
        return id;
      },
      read: (reference) => find(this.em.fork(), reference),
    });
  }

  /** The row, and with it what is to be made at Stripe. Returns the intent, of which the answer is made then. */
  private async write(
    { id: userId, actor }: Caller,
    { id, terms, params, reason }: NewPromotion,
    keep: Keep,
  ): Promise<string | null> {
    const now = this.parts.clock.now();
    try {
      return await this.em.fork().transactional(async (tx) => {
        await lockUser(tx, userId);
        await giveUpRefused(tx, terms.codeKey, now);
        tx.create(Promotion, { id, ...terms, createdAt: now } as Promotion, { persist: true });
        const row = { actor, action: "created", tableName: "promotions", rowId: id, reason };
        audit(tx, { at: now, ...row, after: terms });
        await tx.flush();
        if (!params) {
          await keep(tx, id);
          return null;
        }
        return (await openIntent(tx, { userId, kind: "create-promotion", subject: id, params }, now)).id;
      });
    } catch (error) {
      if ((error as { constraint?: string }).constraint !== "promotions_active_code") throw error;
      throw new BadUserInput("input.code", "This code is in use: deactivate its promotion first.");
    }
  }

  private async publish(codeKey: string, intentId: string): Promise<void> {
    try {
      await this.parts.intents.carryThrough(intentId);
    } catch (error) {
      if (isRefusal(error)) await giveUpRefused(this.em.fork(), codeKey, this.parts.clock.now());
      if (error instanceof IntentLapsed)
        throw new Conflict("This code was never made at Stripe. Try again.", { retryable: true });
      throw error;
    }
  }

  private async madeAs(stripePromotionCodeId: string): Promise<string> {
    return (await this.em.fork().findOneOrFail(Promotion, { stripePromotionCodeId })).id;
  }

  private async end(
    { id: userId, actor }: Caller,
    { id, reason }: { id: string; reason: string | null },
    keep: Keep,
  ): Promise<string | null> {
    const at = this.parts.clock.now();
    return this.em.fork().transactional(async (tx) => {
      await lockUser(tx, userId);
      const promotion = await find(tx, id, true);
      const { stripePromotionCodeId: promotion_code = null } = promotion;
      if (promotion.isForSubscriptions && !promotion_code) await assertNotBeingMade(tx, id);
      if (!promotion.deactivatedAt) {
        promotion.deactivatedAt = at;
        const row = { actor, action: "deactivated", tableName: "promotions", rowId: id, reason };
        audit(tx, { at, ...row, before: { deactivatedAt: null }, after: { deactivatedAt: at } });
        await tx.flush();
      }
      if (!promotion_code) {
        await keep(tx, id);
        return null;
      }
      const request = {
        userId,
        kind: "deactivate-promotion",
        subject: id,
        params: { promotion_code },
      } as const;
      return (await openIntent(tx, request, at)).id;
    });
  }
}

interface NewPromotion {
  id: string;
  terms: PromotionTerms;
  /** What is to be made at Stripe; null when that has nothing to do with it. */
  params: Record<string, unknown> | null;
  reason: string | null;
}

/** @throws NotFound */
async function find(em: EntityManager, id: string, locked = false): Promise<Promotion> {
  const options = locked ? { lockMode: LockMode.PESSIMISTIC_WRITE } : {};
  const promotion = isUuid(id) ? await em.findOne(Promotion, { id }, options) : null;
  if (!promotion) throw new NotFound("promotion");
  return promotion;
}

/** What Stripe has refused is no promotion, and does not keep its code from the next one. */
async function giveUpRefused(em: EntityManager, codeKey: string, now: Date): Promise<void> {
  await em.execute(
    `update promotions set deactivated_at = ?
      where code_key = ? and deactivated_at is null and stripe_promotion_code_id is null
        and (select state from intents where kind = 'create-promotion' and subject = promotions.id::text
              order by id desc limit 1) = 'FAILED'`,
    [now, codeKey],
  );
}

async function assertNotBeingMade(tx: EntityManager, subject: string): Promise<void> {
  const open = { kind: "create-promotion", subject, settledAt: null, state: { $ne: "FAILED" as const } };
  if ((await tx.count(Intent, open)) > 0)
    throw new Conflict("This code is still being made at Stripe. Try again in a moment.", {
      retryable: true,
    });
}
