import { v5 } from "uuid";
import { isPseudonym, pseudonymOf } from "../auth/caller.ts";
import type { Subscription } from "../entities/subscription.ts";
import { type IntentRequest, openIntent } from "../intents/open-intent.ts";
import { wake } from "../jobs/wake.ts";
import type { Write } from "./write.ts";

/**
 * Ends a subscription that appears under a pseudonym: nobody is left who could want it, and it would go on charging
 * whoever that was (decision 0024).
 */
export async function endNobodys(
  write: Write,
  row: Pick<Subscription, "stripeSubscriptionId" | "hasEnded">,
): Promise<void> {
  if (!isPseudonym(write.userId) || row.hasEnded) return;
  const params = { change: "cancel-now", comment: null, prorate: false };
  await begin(write, { kind: "change-subscription", subject: row.stripeSubscriptionId, params });
}

/** Detaches what was added under a pseudonym, on a page that was still open: it would keep its holder's name. */
export async function detachNobodys(
  write: Write,
  customer: string,
  methods: readonly { id: string }[],
): Promise<void> {
  if (!isPseudonym(write.userId)) return;
  for (const { id } of methods)
    await begin(write, {
      ...{ kind: "remove-payment-method", subject: id },
      params: { customer, isForgotten: true },
    });
}

/** Blanks a customer that names a user who is nobody any more: by hand, or made by what was lost on the way. */
export async function blankNobodys(write: Write, customer: string): Promise<void> {
  await begin(write, { kind: "blank-customer", subject: customer, params: {} });
}

async function begin({ tx, userId, now }: Write, request: Omit<IntentRequest, "userId">): Promise<void> {
  await wake(tx, "intent", (await openIntent(tx, { userId, ...request }, now)).id);
}

const STRAYS = "8d2f3c61-5b0e-4c43-9a3e-0f6f1f7f5f2a";

/**
 * Under what a customer goes on that names somebody who is nobody: its own pseudonym, or the same one for it for ever, made of
 * its id alone. Null when it is known to be somebody else's, who goes on.
 */
export function pseudonymFor(stripeCustomerId: string, knownOwner: string | null): string | null {
  if (knownOwner === null) return pseudonymOf(v5(stripeCustomerId, STRAYS));
  return isPseudonym(knownOwner) ? knownOwner : null;
}
