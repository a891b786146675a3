import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import { said } from "./refusals.ts";

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
