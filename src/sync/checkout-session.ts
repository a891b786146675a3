import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { isPseudonym } from "../auth/caller.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { flush } from "../flush.ts";
import { slotFollowsSession } from "../services/subscription-slots.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID } from "../stripe/metadata.ts";
import { mirror } from "./mirror.ts";
import { followPurchase, type Ordered, purchaseOf } from "./purchase.ts";
import type { Journey, OwnerOf, Road } from "./road.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";

/** A Checkout session; the subscription that it made is an aggregate of its own. */
export function checkoutSessionJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
  ensurePayment: (stripePaymentIntentId: string) => Promise<void>,
): Journey<Stripe.Checkout.Session> {
  return {
    objectId: id,
    read: () => stripe.checkoutSession(id),
    owner: (session) => ownerOf(idOf(session.customer), (em) => em.findOne(CheckoutSession, { id })),
    // what became of the money is known before the order is looked at
    async upstream({ mode, status, payment_intent: payment }) {
      if (mode === "payment" && status === "complete" && payment) await ensurePayment(idOf(payment));
    },
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
          ...(session.url && !isPseudonym(userId) && { url: session.url }),
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
export async function sessionIsGone(em: EntityManager, road: Road, id: string): Promise<void> {
  const known = await em.findOne(CheckoutSession, { id });
  if (!known?.isOpen) return;
  await road.follow(known.userId, null, async (write) => {
    const session = await write.tx.findOneOrFail(CheckoutSession, { id });
    if (!session.isOpen) return;
    Object.assign(session, { status: "expired", version: session.version + 1 });
    await flush(write.tx);
    if (session.purchaseId) await followPurchase(write, session.purchaseId);
    else await slotFollowsSession(write.tx, session);
  });
}
