import type { EntityManager } from "@mikro-orm/postgresql";
import { type Caller, OPAQUE_ID } from "../auth/caller.ts";
import type { Config } from "../config.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import type { Plan } from "../entities/plan.ts";
import { Purchase } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { NotFound } from "../errors.ts";
import type { CreateCheckoutSessionInput } from "../resolvers/inputs/checkout.inputs.ts";
import { assertReturnUrl } from "../return-url.ts";
import type { Sync } from "../sync/sync.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import type { PlanService } from "./plan.service.ts";
import type { PromotionCodes, SubscriptionDiscount } from "./promotion-codes.ts";
import type { SubscriptionOpening } from "./subscription-opening.ts";
import { type TrialClaims, trialSettings } from "./trial-claims.ts";

/** What a checkout returned to: whether money arrived, and what it opened. */
export interface Confirmation {
  isPaid: boolean;
  subscription: Subscription | null;
  purchase: Purchase | null;
}

/** What a checkout is made with. */
export interface CheckoutParts {
  plans: PlanService;
  trials: TrialClaims;
  promotions: PromotionCodes;
  opening: SubscriptionOpening;
  sync: Sync;
  idempotency: IdempotencyService;
}

/** Checkout pages: at most one open for a user, and none while they have a live subscription. */
export class CheckoutService {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
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
      intent: { kind: "create-checkout-session", answer: async (made) => made },
      work: async () => {
        const { plans, trials, promotions, opening } = this.parts;
        const plan = await plans.sellable(input, caller.id);
        this.assertReturnUrls(input);
        const terms = {
          trialDays: await trials.daysFor(caller, plan),
          discount: await promotions.find(caller, input.promotionCode, plan),
        };
        return opening.open(caller, {
          kind: "create-checkout-session",
          params: (customer) => ({ customer, ...sessionParams(input, plan, terms) }),
          promotionId: terms.discount?.promotionId ?? null,
        });
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
      purchase: session.purchaseId ? await em.findOne(Purchase, { id: session.purchaseId, userId }) : null,
    };
  }

  private assertReturnUrls(input: CreateCheckoutSessionInput): void {
    for (const name of ["successUrl", "cancelUrl"] as const)
      assertReturnUrl(this.config, `input.${name}`, input[name]);
  }
}

function sessionParams(
  input: CreateCheckoutSessionInput,
  plan: Plan,
  { trialDays, discount }: { trialDays: number; discount: SubscriptionDiscount | null },
): Record<string, unknown> {
  return {
    mode: "subscription",
    line_items: [{ price: plan.stripePriceId, quantity: input.quantity }],
    success_url: input.successUrl,
    cancel_url: input.cancelUrl,
    ...(discount && { discounts: [{ promotion_code: discount.stripeId }] }),
    ...(trialDays > 0 && {
      subscription_data: { trial_period_days: trialDays, trial_settings: trialSettings(plan) },
      ...(plan.trialNeedsNoMethod && { payment_method_collection: "if_required" }),
    }),
  };
}
