import type { EntityManager } from "@mikro-orm/postgresql";
import { type Caller, OPAQUE_ID } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { reached } from "../crash-points.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import type { Intent } from "../entities/intent.ts";
import type { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import { AlreadySubscribed, BadUserInput, Conflict, DomainError, NotFound, PlanInactive } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { IntentLapsed, type Intents } from "../intents/intents.ts";
import type { CreateCheckoutSessionInput } from "../resolvers/inputs/checkout.inputs.ts";
import { assertReturnUrl } from "../return-url.ts";
import { isMissing } from "../stripe/errors.ts";
import type { Sync } from "../sync/sync.ts";
import { lockUser } from "../user-lock.ts";
import type { CustomerService } from "./customer.service.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import type { PlanService } from "./plan.service.ts";
import { type Claim, claimSlot, hasLiveSubscription } from "./subscription-slots.ts";

/** A session that is about to expire is not handed out again. */
const USABLE_MS = 10 * 60_000;
/** How often a slot that keeps changing hands is looked at again before the caller is asked to retry. */
const ROUNDS = 6;

/** What a checkout returned to: whether money arrived, and what it opened. */
export interface Confirmation {
  isPaid: boolean;
  subscription: Subscription | null;
}

/** What a checkout is made with. */
export interface CheckoutParts {
  plans: PlanService;
  customers: CustomerService;
  intents: Intents;
  sync: Sync;
  idempotency: IdempotencyService;
}

/** Checkout pages: at most one open for a user, and none while they have a live subscription. */
export class CheckoutService {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly parts: CheckoutParts,
  ) {}

  /** The open session again for equal input; for other input the old one is expired first. */
  async create(caller: Caller, input: CreateCheckoutSessionInput): Promise<CheckoutSession> {
    caller.ownId();
    return this.parts.idempotency.run({
      caller,
      key: input.idempotencyKey,
      operation: "createCheckoutSession",
      input,
      work: async () => {
        const plan = await this.sellable(input);
        this.assertReturnUrls(input);
        return (await this.open(caller, input, plan)).id;
      },
      read: (id) => this.em.fork().findOneOrFail(CheckoutSession, { id }),
    });
  }

  /** Reads the caller's session from Stripe and applies it now, before any webhook. @throws NotFound */
  async confirm(caller: Caller, sessionId: string, idempotencyKey: string | null): Promise<Confirmation> {
    const userId = caller.ownId();
    return this.parts.idempotency.run({
      caller,
      key: idempotencyKey,
      operation: "confirmCheckout",
      input: { sessionId },
      work: async () => {
        const isTheirs =
          OPAQUE_ID.test(sessionId) &&
          (await this.em.fork().findOne(CheckoutSession, { id: sessionId, userId }));
        if (!isTheirs) throw new NotFound("checkout session");
        await this.parts.sync.checkoutSession(sessionId);
        return sessionId;
      },
      read: () => this.confirmation(userId, sessionId),
    });
  }

  private async confirmation(userId: string, sessionId: string): Promise<Confirmation> {
    const em = this.em.fork();
    const session = await em.findOneOrFail(CheckoutSession, { id: sessionId, userId });
    const stripeSubscriptionId = session.isPaid ? session.stripeSubscriptionId : null;
    return {
      isPaid: session.isPaid,
      subscription: stripeSubscriptionId
        ? await em.findOne(Subscription, { stripeSubscriptionId, userId })
        : null,
    };
  }

  private async sellable(input: CreateCheckoutSessionInput): Promise<Plan> {
    const plan = await this.parts.plans.byId(input.planId);
    if (!plan) throw new NotFound("plan");
    if (plan.isFree)
      throw new BadUserInput("input.planId", "Free needs no checkout: it is having no subscription.");
    if (!plan.isOnSale || !plan.stripePriceId) throw new PlanInactive();
    if (input.quantity > 1 && !plan.hasSeats)
      throw new BadUserInput("input.quantity", "This plan is for one person: leave the quantity at 1.");
    return plan;
  }

  private assertReturnUrls(input: CreateCheckoutSessionInput): void {
    for (const name of ["successUrl", "cancelUrl"] as const)
      assertReturnUrl(this.config, `input.${name}`, input[name]);
  }

  private async open(
    caller: Caller,
    input: CreateCheckoutSessionInput,
    plan: Plan,
  ): Promise<CheckoutSession> {
    // asked first: a subscriber whose customer was deleted at Stripe does not get another one
    if (await hasLiveSubscription(this.em.fork(), caller.id)) throw new AlreadySubscribed();
    for (let round = 0; round < ROUNDS; round++) {
      const params = sessionParams(await this.parts.customers.ensure(caller), input, plan);
      const wanted = hashOf(params);
      const claim = await this.claimSlot(caller.id, params);
      reached("slot-claimed");
      if (claim.holder === "subscription") throw new AlreadySubscribed();
      if (claim.holder === "intent") {
        await this.carryThrough(claim.intent, wanted);
        continue;
      }
      const session = await this.asStripeHasIt(claim.session);
      if (claim.paramsHash === wanted && this.isUsable(session)) return session;
      await this.close(session);
    }
    throw new Conflict("Another checkout of yours is being prepared. Try again in a moment.", {
      retryable: true,
    });
  }

  /** Another tab's intent that Stripe refuses, or one that lapsed, is not this caller's failure: the next round claims the slot anew. */
  private async carryThrough(intent: Intent, wanted: string): Promise<void> {
    try {
      await this.parts.intents.carryThrough(intent.id);
    } catch (error) {
      if (error instanceof IntentLapsed) return;
      // a customer that Stripe does not know (any more) is noted, and the next round makes another
      if (isMissing(error) && (await this.parts.customers.hasLost(String(intent.params.customer)))) return;
      if (error instanceof DomainError || intent.paramsHash === wanted) throw error;
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

  private claimSlot(userId: string, params: Record<string, unknown>): Promise<Claim> {
    return this.em.fork().transactional(async (tx) => {
      await lockUser(tx, userId);
      return claimSlot(tx, userId, params, this.clock.now());
    });
  }
}

function sessionParams(
  customer: string,
  input: CreateCheckoutSessionInput,
  plan: Plan,
): Record<string, unknown> {
  return {
    mode: "subscription",
    customer,
    line_items: [{ price: plan.stripePriceId, quantity: input.quantity }],
    success_url: input.successUrl,
    cancel_url: input.cancelUrl,
    ...(plan.trialDays > 0 && { subscription_data: { trial_period_days: plan.trialDays } }),
  };
}
