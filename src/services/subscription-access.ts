import type { Subscription } from "../entities/subscription.ts";
import type { AccessSource } from "../types/enums.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How much longer than paid for a renewing subscription keeps access, for webhooks that come late. */
export const LATE_WEBHOOK_MARGIN_MS = 48 * HOUR_MS;

/** What the rows say about the money of a subscription. */
export interface BillingFacts {
  /** The latest period end on a paid invoice line; the period that Stripe shows moves before money arrives. */
  paidThrough: Date | null;
  /** Whether a paid invoice ever took money. */
  everPaid: boolean;
  /** The first failed charge of the oldest unpaid invoice. */
  firstFailureAt: Date | null;
}

/** The platform grant that a subscription gives; null for none. Evaluated when read, so it lapses by itself. */
export interface SubscriptionGrant {
  source: Extract<AccessSource, "SUBSCRIPTION" | "TRIAL">;
  expiresAt: Date;
}

/** From Stripe's status and the money that arrived to access: the table of the design, one row a case. */
export function grantOf(
  subscription: Subscription,
  facts: BillingFacts,
  gracePeriodDays: number,
): SubscriptionGrant | null {
  const { paidThrough } = facts;
  const margin = subscription.isCancelScheduled ? 0 : LATE_WEBHOOK_MARGIN_MS;
  switch (subscription.status) {
    case "TRIALING":
      if (subscription.isTrialRefused) return null;
      return until("TRIAL", subscription.trialEndsAt, subscription.hasPaymentMethod ? margin : 0);
    case "ACTIVE":
      return until("SUBSCRIPTION", paidThrough, margin);
    case "PAST_DUE":
      // the failed charge may not be mirrored yet: the end of what is paid is when it was due
      return facts.everPaid
        ? until("SUBSCRIPTION", facts.firstFailureAt ?? paidThrough, gracePeriodDays * DAY_MS)
        : null;
    case "PAUSED":
      return facts.everPaid ? until("SUBSCRIPTION", paidThrough) : null;
    case "CANCELED":
      return until("SUBSCRIPTION", earlier(paidThrough, subscription.endedAt));
    case "UNPAID":
    case "INCOMPLETE":
    case "INCOMPLETE_EXPIRED":
      return null;
    default:
      // a status that Stripe has added since: what was paid for stays open
      return facts.everPaid ? until("SUBSCRIPTION", paidThrough) : null;
  }
}

function until(
  source: SubscriptionGrant["source"],
  end: Date | null | undefined,
  marginMs = 0,
): SubscriptionGrant | null {
  return end ? { source, expiresAt: new Date(end.getTime() + marginMs) } : null;
}

const earlier = (left: Date | null | undefined, right: Date | null | undefined) =>
  left && right ? (left < right ? left : right) : null;
