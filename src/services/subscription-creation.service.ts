import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import type { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import { BadUserInput, PaymentDeclined, TrialAlreadyUsed } from "../errors.ts";
import type { Intents } from "../intents/intents.ts";
import type { CreateSubscriptionInput } from "../resolvers/inputs/subscription.inputs.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { idOf } from "../sync/values.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import type { PlanService } from "./plan.service.ts";
import type { PromotionCodes, SubscriptionDiscount } from "./promotion-codes.ts";
import type { SubscriptionOpening } from "./subscription-opening.ts";
import { type TrialClaims, trialSettings } from "./trial-claims.ts";

/** What a subscription is made with. */
export interface CreationParts {
  plans: PlanService;
  trials: TrialClaims;
  promotions: PromotionCodes;
  opening: SubscriptionOpening;
  intents: Intents;
  stripe: StripeGateway;
  idempotency: IdempotencyService;
}

/** Subscriptions paid by a method that is stored, without a page. */
export class SubscriptionCreation {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: CreationParts,
  ) {}

  /**
   * Charges the method at once. The subscription is INCOMPLETE, and opens nothing, while the bank wants the customer.
   * @throws AlreadySubscribed, NotFound, PlanInactive, BadUserInput, PaymentDeclined (nothing is left then), Conflict
   */
  create(caller: Caller, input: CreateSubscriptionInput): Promise<Subscription> {
    caller.ownId();
    return this.parts.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "createSubscription", input },
      intent: { kind: "create-subscription", answer: async (made) => (await this.paid(made)).id },
      work: async () => {
        const { plans, trials, promotions, opening } = this.parts;
        const plan = await plans.sellable(input, caller.id);
        const trialDays = await trials.daysFor(caller, plan);
        const isFreeStart = trialDays > 0 && plan.trialNeedsNoMethod;
        const method = await this.methodOf(caller.id, input.paymentMethodId, isFreeStart);
        const discount = await promotions.find(caller, input.promotionCode, plan);
        const params = creationParams(input, plan, { trialDays, method, discount });
        const id = await opening.open(caller, {
          kind: "create-subscription",
          params: (customer) => ({ customer, ...params }),
          promotionId: discount?.promotionId ?? null,
        });
        return (await this.paid(id)).id;
      },
      read: (id) => this.em.fork().findOneOrFail(Subscription, { id }),
    });
  }

  /** One of the user's own; the default one when none is named. @throws BadUserInput when it is not, or there is none */
  private async methodOf(
    userId: string,
    id: string | null | undefined,
    mayBeNone: boolean,
  ): Promise<string | null> {
    const em = this.em.fork();
    if (id != null) {
      const method = isUuid(id) ? await em.findOne(PaymentMethod, { id, userId }) : null;
      if (method) return method.stripePaymentMethodId;
      throw new BadUserInput("input.paymentMethodId", "This is not one of your payment methods.");
    }
    const methods = await em.find(PaymentMethod, { userId });
    // Checkout stores a card without making it the default
    const method =
      methods.find(({ isDefault }) => isDefault) ?? (methods.length === 1 ? methods[0] : undefined);
    if (method || mayBeNone) return method?.stripePaymentMethodId ?? null;
    throw new BadUserInput("input.paymentMethodId", "You have no default payment method: add one first.");
  }

  /** Ends it before the caller is answered. @throws TrialAlreadyUsed */
  private async refused({ userId, stripeSubscriptionId: subject }: Subscription): Promise<never> {
    await this.parts.intents.run({ userId, kind: "cancel-second-trial", subject, params: {} });
    throw new TrialAlreadyUsed();
  }

  /** A refused first payment leaves nothing behind. @throws PaymentDeclined */
  private async paid(stripeSubscriptionId: string): Promise<Subscription> {
    const { intents, stripe } = this.parts;
    const row = await this.em.fork().findOneOrFail(Subscription, { stripeSubscriptionId });
    if (row.isTrialRefused) return this.refused(row);
    if (row.status !== "INCOMPLETE") return row;
    const invoice = idOf((await stripe.subscription(stripeSubscriptionId))?.latest_invoice);
    const payment = invoice ? await stripe.subscriptions.awaitedPayment(invoice) : null;
    if (payment?.status !== "requires_payment_method") return row;
    const { userId } = row;
    await intents.run({ userId, kind: "cancel-incomplete", subject: stripeSubscriptionId, params: {} });
    throw new PaymentDeclined(payment.failure ?? "card_declined");
  }
}

function creationParams(
  input: CreateSubscriptionInput,
  plan: Plan,
  terms: { trialDays: number; method: string | null; discount: SubscriptionDiscount | null },
): Record<string, unknown> {
  const { trialDays, method, discount } = terms;
  return {
    items: [{ price: plan.stripePriceId, quantity: input.quantity }],
    ...(method && { default_payment_method: method }),
    ...(discount && { discounts: [{ promotion_code: discount.stripeId }] }),
    ...(trialDays > 0 && { trial_period_days: trialDays, trial_settings: trialSettings(plan) }),
  };
}
