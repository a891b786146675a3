import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { Steps } from "./subscription-steps.ts";
import { endsByItself, isOn, type Terms } from "./subscription-terms.ts";

/** What was to happen at the end of the period before a change: put back when that is not made. */
export interface Outlook {
  scheduled: Terms | null;
  /** A cancel: with the period, or (as the portal does) at a moment, in seconds. */
  end: { cancelAt: number | null; scheduledPlan: string | null } | null;
}

/** What may be asked of a running subscription, as it is frozen in its intent. */
export type SubscriptionChange =
  /** @param scheduledPlan the plan that follows when somebody changes to Free; null for a plain cancel */
  | { change: "cancel-at-period-end"; comment: string | null; scheduledPlan: string | null }
  | { change: "cancel-now"; comment: string | null; prorate: boolean }
  /** Takes back whatever was to happen at the end of the period. */
  | { change: "resume" }
  | { change: "unpause" }
  /** Billed at once, prorated to `prorationDate` (seconds). */
  | ({ change: "switch-now"; planId: string; prorationDate: number; before: Outlook } & Terms)
  | ({ change: "switch-later"; planId: string } & Terms)
  /** A change that waited for its payment was not made: what was to follow before it, follows again. */
  | { change: "put-back"; before: Outlook };
export type Of<C extends SubscriptionChange["change"]> = Extract<SubscriptionChange, { change: C }>;

/**
 * Carries one change of a subscription through, as steps that each have their own idempotency key: repeated from the
 * start after a crash, they come to the same end. This is the one owner of a subscription's schedule at Stripe, which
 * every change releases or amends first.
 */
export async function changeSubscription(
  stripe: StripeGateway,
  intent: Intent,
  key: string,
): Promise<{ id: string }> {
  const steps = new Steps(stripe, intent.subject, key);
  const change = intent.params as unknown as SubscriptionChange;
  switch (change.change) {
    case "cancel-at-period-end":
      await steps.cancelAtPeriodEnd(change);
      break;
    case "cancel-now":
      await steps.cancelNow(change);
      break;
    case "resume":
      await steps.clearOutlook();
      break;
    case "unpause":
      await steps.unpause();
      break;
    case "switch-now":
      await steps.switchNow(change);
      break;
    case "switch-later":
      await steps.switchLater(change);
      break;
    case "put-back":
      await steps.putBack(change.before);
      break;
  }
  return { id: intent.subject };
}

/** Whether a change has come about, once Stripe has forgotten the keys of its steps. */
export async function findChanged(stripe: StripeGateway, intent: Intent): Promise<{ id: string } | null> {
  const change = intent.params as unknown as SubscriptionChange;
  const now = await stripe.subscription(intent.subject);
  return now && hasComeAbout(change, now) ? { id: now.id } : null;
}

function hasComeAbout(change: SubscriptionChange, now: Stripe.Subscription): boolean {
  switch (change.change) {
    case "cancel-at-period-end":
      return endsByItself(now);
    case "cancel-now":
      return now.ended_at !== null;
    case "resume":
      return !endsByItself(now) && now.schedule === null;
    case "unpause":
      return now.status === "active";
    case "switch-now":
      return isOn(now.items.data[0], change);
    case "switch-later":
      return phasesOf(now).some((phase) => isOn(phase.items[0], change));
    case "put-back":
      return true;
  }
}

const phasesOf = ({ schedule }: Stripe.Subscription) =>
  schedule && typeof schedule !== "string" ? schedule.phases : [];
