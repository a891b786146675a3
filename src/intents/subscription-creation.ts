import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import { BadUserInput, type DomainError, PromotionNotApplicable } from "../errors.ts";
import { refusedParam } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";

/** Makes a Checkout page for a subscription. What a session makes does not inherit its metadata: it is given its own. */
export async function postSession(
  stripe: StripeGateway,
  intent: Intent,
  key: string,
): Promise<{ id: string }> {
  const params = intent.params as unknown as Stripe.Checkout.SessionCreateParams;
  const metadata = metadataOf(intent);
  return said(() =>
    stripe.createCheckoutSession(
      {
        ...params,
        client_reference_id: intent.userId,
        metadata,
        subscription_data: { ...params.subscription_data, metadata },
      },
      key,
    ),
  );
}

/**
 * Makes a subscription and tries to charge its method at once. A bank that asks, or refuses, leaves it incomplete: Stripe
 * gives it up by itself after 23 hours.
 */
export async function postSubscription(
  stripe: StripeGateway,
  intent: Intent,
  key: string,
): Promise<{ id: string }> {
  const params = intent.params as unknown as Stripe.SubscriptionCreateParams;
  return said(() =>
    stripe.subscriptions.create(
      { ...params, payment_behavior: "allow_incomplete", metadata: metadataOf(intent) },
      key,
    ),
  );
}

const metadataOf = ({ userId, id }: Intent) => ({ [USER_ID]: userId, [INTENT_ID]: id });

/** Stripe's refusal of what a client has chosen, said of the client's own field. */
async function said<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

const REFUSALS: [param: RegExp, refusal: () => DomainError][] = [
  [
    /^(discounts|promotion_code|coupon)/,
    () =>
      new PromotionNotApplicable(
        "input.promotionCode",
        "This code cannot be used for this plan, or not by you.",
      ),
  ],
  [
    /^default_payment_method/,
    () =>
      new BadUserInput(
        "input.paymentMethodId",
        "This payment method cannot be used (any more). Choose another one.",
      ),
  ],
];

function refusalOf(error: unknown): DomainError | undefined {
  const refused = refusedParam(error);
  const found = refused && REFUSALS.find(([param]) => param.test(refused));
  return found ? found[1]() : undefined;
}
