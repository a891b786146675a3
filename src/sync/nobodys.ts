import { isPseudonym } from "../auth/caller.ts";
import type { Subscription } from "../entities/subscription.ts";
import { openIntent } from "../intents/open-intent.ts";
import { wake } from "../jobs/wake.ts";
import type { Write } from "./road.ts";

/**
 * Ends a subscription that appears under a pseudonym: nobody is left who could want it, and it would go on charging
 * whoever that was (decision 0024).
 */
export async function endNobodys(write: Write, row: Subscription): Promise<void> {
  const { tx, userId, now } = write;
  if (!isPseudonym(userId) || row.hasEnded) return;
  const request = {
    userId,
    kind: "change-subscription",
    subject: row.stripeSubscriptionId,
    params: { change: "cancel-now", comment: null, prorate: false },
  } as const;
  await wake(tx, "intent", (await openIntent(tx, request, now)).id);
}
