import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import type { Intent } from "../entities/intent.ts";
import { AlreadySubscribed, Conflict, DomainError } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { IntentLapsed } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { isMissing } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { Sync } from "../sync/sync.ts";
import { idOf } from "../sync/values.ts";
import { lockUser } from "../user-lock.ts";
import type { CustomerService } from "./customer.service.ts";
import { PROMOTION_FIELD } from "./promotion-codes.ts";
import { holdPlace } from "./promotion-places.ts";
import { type Claim, claimSlot, hasLiveSubscription, type Opener } from "./subscription-slots.ts";

/** A session that is about to expire is not handed out again. */
const USABLE_MS = 10 * 60_000;
/** How often a slot that keeps changing hands is looked at again before the caller is asked to retry. */
const ROUNDS = 6;

/** One of the ways to a subscription, and with what, once the Stripe customer is known. */
export interface Opening {
  kind: Opener;
  params(customer: string): Record<string, unknown>;
  /** The promotion of ours that discounts it. */
  promotionId: string | null;
}

/** What opening needs. */
export interface OpeningParts {
  customers: CustomerService;
  intents: Intents;
  sync: Sync;
  stripe: StripeGateway;
}

/**
 * The ways to a subscription, of which a user goes one at a time: a Checkout page, or a stored method that is charged.
 * Whoever begins another takes the place of what was begun and not finished; none begins while a subscription is live.
 */
export class SubscriptionOpening {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly parts: OpeningParts,
  ) {}

  /**
   * Returns the Stripe id of the session or the subscription: what was begun with equal input again, while it can
   * still be finished, else a new one.
   * @throws AlreadySubscribed, PromotionExhausted, Conflict (retryable), Stripe's refusals
   */
  async open(caller: Caller, { kind, params: paramsFor, promotionId }: Opening): Promise<string> {
    // asked first: a subscriber whose customer was deleted at Stripe does not get another one
    if (await hasLiveSubscription(this.em.fork(), caller.id)) throw new AlreadySubscribed();
    for (let round = 0; round < ROUNDS; round++) {
      const params = paramsFor(await this.parts.customers.ensure(caller));
      const wanted = hashOf(params);
      const claim = await this.claimSlot(caller.id, { kind, params }, promotionId);
      reached("slot-claimed");
      const made = await this.follow(claim, kind, wanted);
      if (made) return made;
    }
    throw new Conflict("Another checkout of yours is being prepared. Try again in a moment.", {
      retryable: true,
    });
  }

  /** One look at who holds the slot: what was asked for, or null once the way is nearer to free. */
  private async follow(claim: Claim, kind: Opener, wanted: string): Promise<string | null> {
    switch (claim.holder) {
      case "subscription":
        throw new AlreadySubscribed();
      case "intent": {
        const made = await this.carryThrough(claim.intent, wanted);
        const isOurs = claim.intent.kind === kind && claim.intent.paramsHash === wanted;
        return kind === "create-subscription" && isOurs ? made : null;
      }
      case "incomplete":
        return this.followIncomplete(claim, kind, wanted);
      case "session": {
        const session = await this.asStripeHasIt(claim.session);
        const isAskedFor = kind === "create-checkout-session" && claim.paramsHash === wanted;
        if (isAskedFor && this.isUsable(session)) return session.id;
        await this.close(session);
        return null;
      }
    }
  }

  /** A subscription whose first payment is not made: the bank may still be asked, else it makes room for the next attempt. */
  private async followIncomplete(
    { subscription, paramsHash }: Extract<Claim, { holder: "incomplete" }>,
    kind: Opener,
    wanted: string,
  ): Promise<string | null> {
    const { userId, stripeSubscriptionId: subject } = subscription;
    const isAskedFor = kind === "create-subscription" && paramsHash === wanted;
    if (isAskedFor && (await this.isAwaited(subject))) return subject;
    await this.parts.intents.run({ userId, kind: "cancel-incomplete", subject, params: {} });
    return null;
  }

  /** Whether the bank is asking the customer, or working on it: then that payment may still come. */
  private async isAwaited(stripeSubscriptionId: string): Promise<boolean> {
    const { stripe, sync } = this.parts;
    const invoice = idOf((await stripe.subscription(stripeSubscriptionId))?.latest_invoice);
    const payment = invoice ? await stripe.subscriptions.awaitedPayment(invoice) : null;
    // paid, or ended, and our rows did not know
    if (!payment) await sync.subscription(stripeSubscriptionId);
    return payment?.status === "requires_action" || payment?.status === "processing";
  }

  /**
   * Another tab's intent that Stripe refuses, or one that lapsed, is not this caller's failure: the next round claims
   * the slot anew.
   */
  private async carryThrough(intent: Intent, wanted: string): Promise<string | null> {
    try {
      return await this.parts.intents.carryThrough(intent.id);
    } catch (error) {
      if (error instanceof IntentLapsed) return null;
      // a customer that Stripe does not know (any more) is noted, and the next round makes another
      if (isMissing(error) && (await this.parts.customers.hasLost(String(intent.params.customer))))
        return null;
      if (intent.paramsHash === wanted || (error instanceof DomainError && error.details.retryable))
        throw error;
      return null;
    }
  }

  /** The row of a session after a look at Stripe: its webhook may be late, and a page that was paid is no page to pay at. */
  private async asStripeHasIt(session: CheckoutSession): Promise<CheckoutSession> {
    if (session.isOpen) await this.parts.sync.checkoutSession(session.id);
    return this.em.fork().findOneOrFail(CheckoutSession, { id: session.id });
  }

  private isUsable(session: CheckoutSession): boolean {
    return session.isOpen && session.expiresAt.getTime() - this.clock.now().getTime() > USABLE_MS;
  }

  /** Expires an open session; one that was completed meanwhile is synced, and the next round sees what it made. */
  private async close(session: CheckoutSession): Promise<void> {
    if (!session.isOpen) return void (await this.parts.sync.checkoutSession(session.id));
    const request = { userId: session.userId, subject: session.id, params: {} };
    await this.parts.intents
      .run({ ...request, kind: "expire-checkout-session" })
      .catch(async (error: unknown) => {
        if (error instanceof DomainError) throw error;
        await this.parts.sync.checkoutSession(session.id);
      });
  }

  private claimSlot(
    userId: string,
    opening: { kind: Opener; params: Record<string, unknown> },
    promotionId: string | null,
  ): Promise<Claim> {
    const now = this.clock.now();
    return this.em.fork().transactional(async (tx) => {
      await lockUser(tx, userId);
      const claim = await claimSlot(tx, userId, opening, now);
      const isOurs = claim.holder === "intent" && claim.intent.paramsHash === hashOf(opening.params);
      if (promotionId && isOurs)
        await holdPlace(tx, { promotionId, userId, intentId: claim.intent.id }, now, PROMOTION_FIELD);
      return claim;
    });
  }
}
