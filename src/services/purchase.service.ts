import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import type { Config } from "../config.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { Invoice } from "../entities/invoice.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import { Purchase } from "../entities/purchase.ts";
import { BadUserInput } from "../errors.ts";
import type { CreatePurchaseInput } from "../resolvers/inputs/purchase.inputs.ts";
import { assertReturnUrl } from "../return-url.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import type { PurchaseOpening, Way } from "./purchase-opening.ts";

/** What purchases are made with. */
export interface PurchaseParts {
  opening: PurchaseOpening;
  stripe: StripeGateway;
  idempotency: IdempotencyService;
}

/** Courses and learning paths that are bought once, and stay. */
export class PurchaseService {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly parts: PurchaseParts,
  ) {}

  /**
   * Charges a stored method at once, or makes a page to pay at. The price is the offer's, fixed with the order.
   * @throws NotFound, OfferInactive, AlreadyPurchased, BadUserInput, PaymentDeclined (nothing is left then), Conflict,
   * PromotionExpired, PromotionExhausted, PromotionNotApplicable
   */
  create(caller: Caller, input: CreatePurchaseInput): Promise<Purchase> {
    const userId = caller.ownId();
    return this.parts.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "createPurchase", input },
      intent: {
        kind: input.paymentMethodId == null ? "create-purchase-page" : "charge-purchase",
        answer: (made) => this.purchasedWith(made),
      },
      work: async (keep) => {
        const { resourceType, resourceId, promotionCode = null } = input;
        const way = await this.wayOf(userId, input);
        return this.parts.opening.open(caller, { resourceType, resourceId, promotionCode, way }, keep);
      },
      read: (id) => this.em.fork().findOneOrFail(Purchase, { id }),
    });
  }

  /** What its owner does next, while it is to be paid: a page to go to, or what Stripe.js confirms with. */
  async nextStep(purchase: Purchase): Promise<{ checkoutUrl: string | null; clientSecret: string | null }> {
    const { isOpen, checkoutSessionId, stripeInvoiceId } = purchase;
    if (!isOpen) return { checkoutUrl: null, clientSecret: null };
    if (checkoutSessionId) {
      const session = await this.em.fork().findOne(CheckoutSession, { id: checkoutSessionId });
      return { checkoutUrl: (session?.isOpen && session.url) || null, clientSecret: null };
    }
    const payment = stripeInvoiceId
      ? await this.parts.stripe.subscriptions.awaitedPayment(stripeInvoiceId)
      : null;
    return { checkoutUrl: null, clientSecret: payment?.clientSecret ?? null };
  }

  /** @throws BadUserInput for another's method, or a page without where to return to */
  private async wayOf(userId: string, input: CreatePurchaseInput): Promise<Way> {
    const { paymentMethodId: id, successUrl, cancelUrl } = input;
    if (id != null) {
      const method = isUuid(id) ? await this.em.fork().findOne(PaymentMethod, { id, userId }) : null;
      if (!method)
        throw new BadUserInput("input.paymentMethodId", "This is not one of your payment methods.");
      return { kind: "charge-purchase", params: { paymentMethod: method.stripePaymentMethodId } };
    }
    return {
      kind: "create-purchase-page",
      params: {
        successUrl: this.returnUrl("successUrl", successUrl),
        cancelUrl: this.returnUrl("cancelUrl", cancelUrl),
      },
    };
  }

  private returnUrl(name: "successUrl" | "cancelUrl", url: string | null | undefined): string {
    if (url == null)
      throw new BadUserInput(`input.${name}`, "Say where the page returns to, or name a payment method.");
    assertReturnUrl(this.config, `input.${name}`, url);
    return url;
  }

  /** The purchase that a page or an invoice, made by an earlier call, asks the money for. */
  private async purchasedWith(made: string): Promise<string> {
    const em = this.em.fork();
    const found =
      (await em.findOne(CheckoutSession, { id: made })) ??
      (await em.findOne(Invoice, { stripeInvoiceId: made }));
    return found?.purchaseId as string;
  }
}
