import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { flush } from "../flush.ts";
import { slotFollowsSession } from "../services/subscription-slots.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID } from "../stripe/metadata.ts";
import { lockUser } from "../user-lock.ts";
import { mirror } from "./mirror.ts";
import { followPurchase, type Ordered, purchaseOf } from "./purchase.ts";
import type { Journey, OwnerOf } from "./road.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";

/** A Checkout session; the subscription that it made is an aggregate of its own. */
export function checkoutSessionJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
): Journey<Stripe.Checkout.Session> {
  return {
    objectId: id,
    read: () => stripe.checkoutSession(id),
    owner: (session) => ownerOf(idOf(session.customer), (em) => em.findOne(CheckoutSession, { id })),
    async write(session, write) {
      const { tx, userId, audit } = write;
      const intentId = session.metadata?.[INTENT_ID] ?? null;
      const purchaseId = session.mode === "payment" ? await purchaseOf(write, orderedBy(session)) : null;
      const change = await mirror(
        tx,
        CheckoutSession,
        { id: session.id },
        {
          userId,
          intentId,
          purchaseId,
          mode: session.mode,
          status: (session.status ?? "open") as CheckoutSession["status"],
          paymentStatus: session.payment_status,
          stripeSubscriptionId: idOf(session.subscription),
          // Stripe forgets the address once nothing can be paid there; a repeated call still gets its first answer
          ...(session.url && { url: session.url }),
          expiresAt: instantOf(session.expires_at) as Date,
        },
      );
      audit("checkout_sessions", session.id, change);
      if (purchaseId) {
        await flush(tx);
        await followPurchase(write, purchaseId, { checkoutSessionId: session.id });
      } else await slotFollowsSession(tx, change.row);
    },
  };
}

const orderedBy = ({ metadata, amount_total, currency, created }: Stripe.Checkout.Session): Ordered => ({
  metadata,
  amountMinor: amount_total ?? 0,
  currency: currencyOf(currency ?? ""),
  createdAt: instantOf(created) as Date,
});

/** A session that Stripe does not know (any more) can never be paid: its row says so, and the slot is free. */
export async function sessionIsGone(em: EntityManager, id: string): Promise<void> {
  await em.transactional(async (tx) => {
    const session = await tx.findOne(CheckoutSession, { id });
    if (!session?.isOpen) return;
    await lockUser(tx, session.userId);
    Object.assign(session, { status: "expired", version: session.version + 1 });
    await flush(tx);
    await slotFollowsSession(tx, session);
  });
}
