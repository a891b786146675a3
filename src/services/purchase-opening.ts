import type { EntityManager } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { Intent } from "../entities/intent.ts";
import { Purchase } from "../entities/purchase.ts";
import { AlreadyPurchased, Conflict, DomainError } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { IntentLapsed, isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { noteUnderKey } from "../intents/key-scope.ts";
import type { IntentKindName } from "../intents/kinds.ts";
import { openIntent } from "../intents/open-intent.ts";
import type { PurchaseParams } from "../intents/purchases.ts";
import { isMissing } from "../stripe/errors.ts";
import { followPurchase } from "../sync/purchase.ts";
import type { Road } from "../sync/road.ts";
import type { Sync } from "../sync/sync.ts";
import type { Write } from "../sync/write.ts";
import type { PurchasableType } from "../types/enums.ts";
import type { AccessService } from "./access.service.ts";
import type { CustomerService } from "./customer.service.ts";
import type { Keep } from "./idempotency.service.ts";
import { PROMOTION_FIELD } from "./promotion-codes.ts";
import { holdPlace } from "./promotion-places.ts";
import { type Quote, quoteFor, type Wanted } from "./purchase-quote.ts";
import { holdSlot, slotHolderOf } from "./purchase-slots.ts";

/** A page that is about to expire is not handed out again. */
const USABLE_MS = 10 * 60_000;
/** Stripe's pages live for a day; what a bank was asked is waited for almost as long, as with subscriptions. */
const PAY_WITHIN_MS: Record<Way["kind"], number> = {
  "create-purchase-page": 24 * 3_600_000,
  "charge-purchase": 23 * 3_600_000,
};
/** How often a slot that keeps changing hands is looked at again before the caller is asked to retry. */
const ROUNDS = 6;

/** One of the ways to pay, and what it needs. */
export type Way =
  | {
      kind: Extract<IntentKindName, "create-purchase-page">;
      params: { successUrl: string; cancelUrl: string };
    }
  | { kind: Extract<IntentKindName, "charge-purchase">; params: { paymentMethod: string } };

/** What is to be bought, and how it is paid. */
export interface Order {
  resourceType: PurchasableType;
  resourceId: string;
  promotionCode: string | null;
  way: Way;
}

/** With how to note what it comes to under the client's key. */
type Kept<T> = T & { keep: Keep };

/** What opening needs. */
export interface OpeningParts {
  customers: CustomerService;
  intents: Intents;
  access: AccessService;
  road: Road;
  sync: Sync;
}

/** Who holds the slot: this order, new or as it was begun before, or an earlier one that has to make way. */
interface Claim {
  purchase: Purchase;
  /** Null when there is nothing to pay. */
  intent: Intent | null;
  isOurs: boolean;
  isNew: boolean;
}

/**
 * The ways to pay for a course or path, of which a user goes one at a time for each thing. Whoever begins another takes
 * the place of what was begun and not finished; nobody buys what is theirs already.
 */
export class PurchaseOpening {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly parts: OpeningParts,
  ) {}

  /**
   * Returns the purchase: one that was begun in the same way again, while it can still be paid, else a new one.
   * @throws NotFound, OfferInactive, AlreadyPurchased, PaymentDeclined, Conflict (retryable), Stripe's refusals
   */
  async open(caller: Caller, order: Order, keep: Keep): Promise<string> {
    // asked first: what cannot be bought makes nobody a customer
    await quoteFor(this.em.fork(), this.parts.access, wantedBy(caller.id, order), this.clock.now());
    for (let round = 0; round < ROUNDS; round++) {
      const claim = await this.claim(caller.id, await this.parts.customers.ensure(caller), {
        ...order,
        keep,
      });
      reached("slot-claimed");
      if (claim.isOurs && (await this.carryThrough(claim))) return claim.purchase.id;
      if (!claim.isOurs) await this.giveUp(claim.purchase, claim.intent);
    }
    throw new Conflict("Another purchase of yours is being prepared. Try again in a moment.", {
      retryable: true,
    });
  }

  /**
   * Sees to it that a purchase that was begun is never paid, unless it has been paid meanwhile: also of a user who is being
   * anonymised.
   * @throws Conflict while a bank works on it, ProviderUnavailable
   */
  async giveUp({ id, userId }: Purchase, intent: Intent | null): Promise<void> {
    // what an earlier call began is finished first, so that it is known what is to be given up
    if (intent && intent.state !== "FAILED" && !intent.settledAt)
      await this.parts.intents.carryThrough(intent.id).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
      });
    const { checkoutSessionId, stripeInvoiceId } = await this.em.fork().findOneOrFail(Purchase, { id });
    if (checkoutSessionId) await this.closePage(userId, checkoutSessionId);
    else if (stripeInvoiceId)
      await this.parts.intents.runToEnd({
        userId,
        kind: "void-purchase",
        subject: stripeInvoiceId,
        params: {},
      });
    await this.parts.road.follow(userId, null, (write) => followPurchase(write, id));
    await this.assertDecided(id);
  }

  /** @throws Conflict while a bank works on what was paid on a page */
  private async assertDecided(id: string): Promise<void> {
    const em = this.em.fork();
    const { isOpen, checkoutSessionId } = await em.findOneOrFail(Purchase, { id });
    const page =
      isOpen && checkoutSessionId ? await em.findOne(CheckoutSession, { id: checkoutSessionId }) : null;
    if (page?.status === "complete")
      throw new Conflict("Your bank is still working on this payment. It opens when that has ended.");
  }

  private async closePage(userId: string, subject: string): Promise<void> {
    await this.parts.sync.checkoutSession(subject);
    const session = await this.em.fork().findOne(CheckoutSession, { id: subject });
    if (!session?.isOpen) return;
    await this.parts.intents
      .runToEnd({ userId, kind: "expire-checkout-session", subject, params: {} })
      .catch(async (error: unknown) => {
        if (error instanceof DomainError) throw error;
        // completed in this very moment
        await this.parts.sync.checkoutSession(subject);
      });
  }

  /** Whether it can be handed to the caller: paid, or a way to pay it. */
  private async carryThrough({ purchase, intent, isNew }: Claim): Promise<boolean> {
    if (!intent) return true;
    try {
      await this.parts.intents.carryThrough(intent.id);
    } catch (error) {
      if (error instanceof IntentLapsed) return false;
      // a customer that Stripe does not know (any more) is noted, and the next round makes another
      if (isMissing(error) && (await this.parts.customers.hasLost(String(intent.params.customer))))
        return false;
      throw error;
    }
    if (isNew || intent.kind !== "create-purchase-page") return true;
    return this.isUsable(purchase);
  }

  /** The page as Stripe has it now: its webhook may be late, and one that was paid is no page to pay at. */
  private async isUsable({ id }: Purchase): Promise<boolean> {
    const { checkoutSessionId } = await this.em.fork().findOneOrFail(Purchase, { id });
    if (!checkoutSessionId) return false;
    await this.parts.sync.checkoutSession(checkoutSessionId);
    const session = await this.em.fork().findOne(CheckoutSession, { id: checkoutSessionId });
    if (!session?.isOpen) {
      await this.assertDecided(id);
      return false;
    }
    if (session.expiresAt.getTime() - this.clock.now().getTime() > USABLE_MS) return true;
    await this.closePage(session.userId, session.id);
    return false;
  }

  private claim(userId: string, customer: string, order: Kept<Order>): Promise<Claim> {
    return this.parts.road.write(userId, null, async (write) => {
      const { tx } = write;
      const { way } = order;
      const wanted = wantedBy(userId, order);
      const quote = await quoteFor(tx, this.parts.access, wanted, write.now);
      const params = paramsOf(order, quote, customer);
      const holder = await slotHolderOf(tx, wanted);
      if (!holder) return this.begin(write, order, quote, params);
      if (!holder.isOpen) throw new AlreadyPurchased();
      const intent = holder.intentId ? await tx.findOne(Intent, { id: holder.intentId }) : null;
      const isOurs = intent?.kind === way.kind && intent.paramsHash === hashOf(params);
      if (intent && isOurs) await noteUnderKey(tx, intent);
      return { purchase: holder, intent, isOurs, isNew: false };
    });
  }

  /** Writes the order down, takes the slot, and opens what asks for the money. Where nothing is asked, it is complete. */
  private async begin(
    write: Write,
    { resourceType, resourceId, way: { kind }, keep }: Kept<Order>,
    { amountMinor, creditedMinor, creditedFrom, discountedMinor, promotionId, currency }: Quote,
    params: PurchaseParams,
  ): Promise<Claim> {
    const { tx, userId, now } = write;
    const id = v7();
    const intent =
      amountMinor > 0
        ? await openIntent(tx, { userId, kind, subject: id, params: { ...params } }, now)
        : null;
    const purchase = tx.create(
      Purchase,
      {
        ...{ id, userId, resourceType, resourceId, currency, status: "PENDING" },
        ...{ amountMinor, creditedMinor, creditedFrom, discountedMinor },
        ...{ intentId: intent?.id ?? null, createdAt: now },
        payBefore: new Date(now.getTime() + PAY_WITHIN_MS[kind]),
      } as never,
      { persist: true },
    ) as Purchase;
    write.audit("purchases", id, { row: purchase, before: null, after: { status: "PENDING", amountMinor } });
    await tx.flush();
    await holdSlot(tx, purchase);
    if (promotionId) await holdPlace(tx, { promotionId, userId, purchaseId: id }, now, PROMOTION_FIELD);
    if (!intent) {
      await followPurchase(write, id);
      await keep(tx, id);
    }
    return { purchase, intent, isOurs: true, isNew: true };
  }
}

function wantedBy(userId: string, { resourceType, resourceId, promotionCode }: Order): Wanted {
  const code = promotionCode?.trim() ? { code: promotionCode, field: PROMOTION_FIELD } : null;
  return { userId, resourceType, resourceId, code };
}

function paramsOf(
  { resourceType, resourceId, way }: Order,
  { title, amountMinor: amount, currency, promotionId }: Quote,
  customer: string,
): PurchaseParams & Way["params"] {
  return {
    customer,
    amount,
    currency: currency.toLowerCase(),
    title,
    resourceType,
    resourceId,
    ...(promotionId && { promotionId }),
    ...way.params,
  };
}
