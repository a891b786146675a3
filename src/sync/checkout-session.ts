import type Stripe from "stripe";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { releaseSlot, sessionTakesSlot } from "../services/subscription-slots.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID } from "../stripe/metadata.ts";
import { mirror } from "./mirror.ts";
import type { Journey } from "./road.ts";
import { idOf, instantOf } from "./values.ts";

type OwnerOf = (stripeCustomerId: string | null) => Promise<string | null>;

/** A Checkout session; the subscription that it made is an aggregate of its own. */
export function checkoutSessionJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
): Journey<Stripe.Checkout.Session> {
  return {
    objectId: id,
    read: () => stripe.checkoutSession(id),
    owner: (session) => ownerOf(idOf(session.customer)),
    async write(session, { tx, userId, audit }) {
      const intentId = session.metadata?.[INTENT_ID] ?? null;
      const change = await mirror(
        tx,
        CheckoutSession,
        { id: session.id },
        {
          userId,
          intentId,
          mode: session.mode,
          status: (session.status ?? "open") as CheckoutSession["status"],
          paymentStatus: session.payment_status,
          stripeSubscriptionId: idOf(session.subscription),
          // Stripe forgets the address once nothing can be paid there; a repeated call still gets its first answer
          ...(session.url && { url: session.url }),
          expiresAt: instantOf(session.expires_at) as Date,
        },
      );
      // an address to pay at is a secret of its owner, so the audit log does not keep it
      audit("checkout_sessions", session.id, withoutUrl(change));
      if (session.status === "expired") await releaseSlot(tx, userId, { checkoutSessionId: session.id });
      else if (intentId) await sessionTakesSlot(tx, userId, intentId, session.id);
    },
  };
}

function withoutUrl<T extends { before: object | null; after: object | null }>(change: T): T {
  const strip = (values: object | null) =>
    values && Object.fromEntries(Object.entries(values).filter(([name]) => name !== "url"));
  return { ...change, before: strip(change.before), after: strip(change.after) };
}
