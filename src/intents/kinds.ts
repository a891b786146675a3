import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, REFUNDED_ACCESS, USER_ID } from "../stripe/metadata.ts";
import type { Aggregate } from "../sync/sync.ts";
import { blankCustomer } from "./blank-customer.ts";
import { PAYMENT_METHOD_KINDS } from "./payment-methods.ts";
import { PROMOTION_KINDS } from "./promotions.ts";
import { PURCHASE_KINDS } from "./purchases.ts";
import { changeSubscription, findChanged } from "./subscription-changes.ts";
import { postSession, postSubscription } from "./subscription-creation.ts";
import { giveUp, voidUnpaid } from "./unpaid.ts";

/** One kind of change at Stripe: how it is posted, how it is found when nobody knows, and what it touches. */
export interface IntentKind {
  post(stripe: StripeGateway, intent: Intent, idempotencyKey: string): Promise<{ id: string }>;
  /** Looks for what an earlier post made, once Stripe has forgotten its idempotency key. */
  find(stripe: StripeGateway, intent: Intent): Promise<{ id: string } | null>;
  /** What is synced when it has happened: the object that was made or changed, unless another is named. */
  aggregate: Aggregate;
  touches?(intent: Pick<Intent, "subject" | "params">): string;
  /** Whether its subject is an order of ours, which fails with it. */
  isForOrder?: boolean;
  /** Whether it begins or changes what charges: not made any more for whoever is being anonymised since. */
  begins?: boolean | ((intent: Pick<Intent, "params">) => boolean);
  /** Happens at most once for a subject: a later call gets the first one's object. */
  once: boolean;
}

/** A refund, with what it is made of in `params`. */
const refunding: Omit<IntentKind, "once"> = {
  post: (stripe, { id, userId, params: { payment_intent, amount, reason, access } }, key) =>
    stripe.createRefund(
      {
        payment_intent: String(payment_intent),
        ...(amount !== undefined && { amount: Number(amount) }),
        ...(reason !== undefined && { reason: reason as Stripe.RefundCreateParams.Reason }),
        metadata: {
          ...{ [USER_ID]: userId, [INTENT_ID]: id },
          ...(access !== undefined && { [REFUNDED_ACCESS]: String(access) }),
        },
      },
      key,
    ),
  find: (stripe, { id, params }) => stripe.refundByMetadata(String(params.payment_intent), INTENT_ID, id),
  aggregate: "payment_intent",
  touches: ({ params }) => String(params.payment_intent),
};

/** Each kind under the name that stands in its rows. */
export const INTENT_KINDS = {
  ...PAYMENT_METHOD_KINDS,
  ...PROMOTION_KINDS,
  ...PURCHASE_KINDS,
  "blank-customer": blankCustomer,
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
    begins: true,
    aggregate: "customer",
    once: true,
  },
  "create-checkout-session": {
    post: postSession,
    find: (stripe, intent) =>
      stripe.checkoutSessionByMetadata(String(intent.params.customer), INTENT_ID, intent.id),
    begins: true,
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
  "create-subscription": {
    post: postSubscription,
    find: (stripe, intent) =>
      stripe.subscriptions.byMetadata(String(intent.params.customer), INTENT_ID, intent.id),
    begins: true,
    aggregate: "subscription",
    once: false,
  },
  "cancel-incomplete": {
    async post(stripe, { subject }, key) {
      await giveUp(stripe, subject, key);
      return { id: subject };
    },
    find: async (_stripe, { subject }) => ({ id: subject }),
    aggregate: "subscription",
    once: false,
  },
  "cancel-second-trial": {
    async post(stripe, { subject }) {
      // one that has been paid for meanwhile stays
      if ((await stripe.subscription(subject))?.status !== "trialing") return { id: subject };
      return stripe.subscriptions.cancel(subject, {
        cancellation_details: { comment: "This person has had a trial before." },
      });
    },
    find: endedSubscription,
    aggregate: "subscription",
    once: true,
  },
  "change-subscription": {
    post: changeSubscription,
    find: findChanged,
    begins: ({ params }) => params.change !== "cancel-now",
    aggregate: "subscription",
    once: false,
  },
  "discard-pending-update": {
    async post(stripe, { subject: invoice, params }, key) {
      await voidUnpaid(stripe, invoice, key);
      return { id: String(params.subscription) };
    },
    find: async (_stripe, { params }) => ({ id: String(params.subscription) }),
    aggregate: "subscription",
    once: false,
  },
  "cancel-duplicate-subscription": {
    post: (stripe, { subject }) =>
      stripe.subscriptions.cancel(subject, {
        cancellation_details: { comment: "A second subscription of the same user, made by mistake." },
      }),
    find: endedSubscription,
    aggregate: "subscription",
    once: true,
  },
  "refund-duplicate": { ...refunding, once: true },
  "refund-payment": { ...refunding, once: false },
} satisfies Record<string, IntentKind>;
export type IntentKindName = keyof typeof INTENT_KINDS;

async function endedSubscription(stripe: StripeGateway, { subject }: Intent): Promise<{ id: string } | null> {
  const subscription = await stripe.subscription(subject);
  return subscription?.ended_at ? subscription : null;
}
