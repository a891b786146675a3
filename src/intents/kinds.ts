import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import type { Aggregate } from "../sync/sync.ts";
import { PAYMENT_METHOD_KINDS } from "./payment-methods.ts";
import { changeSubscription, discardPendingUpdate, findChanged } from "./subscription-changes.ts";

/** One kind of change at Stripe: how it is posted, how it is found when nobody knows, and what it touches. */
export interface IntentKind {
  post(stripe: StripeGateway, intent: Intent, idempotencyKey: string): Promise<{ id: string }>;
  /** Looks for what an earlier post made, once Stripe has forgotten its idempotency key. */
  find(stripe: StripeGateway, intent: Intent): Promise<{ id: string } | null>;
  /** What is synced when it has happened: the object that was made or changed, unless another is named. */
  aggregate: Aggregate;
  touches?(intent: Pick<Intent, "subject" | "params">): string;
  /** Happens at most once for a subject: a later call gets the first one's object. */
  once: boolean;
}

/** Each kind under the name that stands in its rows. */
export const INTENT_KINDS = {
  ...PAYMENT_METHOD_KINDS,
  "create-customer": {
    post: (stripe, intent, key) =>
      stripe.createCustomer(
        {
          ...(intent.params as Stripe.CustomerCreateParams),
          metadata: { [USER_ID]: intent.userId, [INTENT_ID]: intent.id },
        },
        key,
      ),
    find: (stripe, intent) => stripe.customerByMetadata(INTENT_ID, intent.id, intent.createdAt),
    aggregate: "customer",
    once: true,
  },
  "create-checkout-session": {
    post: (stripe, intent, key) => stripe.createCheckoutSession(sessionWithOurMetadata(intent), key),
    find: (stripe, intent) =>
      stripe.checkoutSessionByMetadata(String(intent.params.customer), INTENT_ID, intent.id),
    aggregate: "checkout_session",
    once: false,
  },
  "expire-checkout-session": {
    post: (stripe, intent, key) => stripe.expireCheckoutSession(intent.subject, key),
    find: async (stripe, intent) => {
      const session = await stripe.checkoutSession(intent.subject);
      return session?.status === "open" ? null : session;
    },
    aggregate: "checkout_session",
    once: false,
  },
  "change-subscription": {
    post: changeSubscription,
    find: findChanged,
    aggregate: "subscription",
    once: false,
  },
  "discard-pending-update": {
    post: discardPendingUpdate,
    find: async (_stripe, { subject }) => ({ id: subject }),
    aggregate: "subscription",
    once: false,
  },
  "cancel-duplicate-subscription": {
    post: (stripe, { subject }) =>
      stripe.subscriptions.cancel(subject, {
        cancellation_details: { comment: "A second subscription of the same user, made by mistake." },
      }),
    find: async (stripe, { subject }) => {
      const subscription = await stripe.subscription(subject);
      return subscription?.ended_at ? subscription : null;
    },
    aggregate: "subscription",
    once: true,
  },
  "refund-duplicate": {
    post: (stripe, intent, key) =>
      stripe.createRefund(
        {
          ...(intent.params as Stripe.RefundCreateParams),
          metadata: { [USER_ID]: intent.userId, [INTENT_ID]: intent.id },
        },
        key,
      ),
    find: (stripe, { id, params }) => stripe.refundByMetadata(String(params.payment_intent), INTENT_ID, id),
    aggregate: "payment_intent",
    touches: ({ params }) => String(params.payment_intent),
    once: true,
  },
} satisfies Record<string, IntentKind>;
export type IntentKindName = keyof typeof INTENT_KINDS;

/** What a session makes does not inherit its metadata, so the subscription is given its own copy. */
function sessionWithOurMetadata(intent: Intent): Stripe.Checkout.SessionCreateParams {
  const params = intent.params as unknown as Stripe.Checkout.SessionCreateParams;
  const metadata = { [USER_ID]: intent.userId, [INTENT_ID]: intent.id };
  return {
    ...params,
    client_reference_id: intent.userId,
    metadata,
    subscription_data: { ...params.subscription_data, metadata },
  };
}
