import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest } from "../../errors.ts";
import type { Kinds, Settings } from "../../kinds.ts";
import { isFinal } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";

const MAX_RETRIES = 8;

/** Stripe's smart retries reduced to a schedule: so many days after each failure, then the end. */
const DEFAULTS: Settings = { id: "settings", afterRetries: "cancel", retryDays: [3, 5, 7] };

/** What happens when renewals are not paid. */
export function settingsOf(tx: Pick<Transaction, "get">): Settings {
  return tx.get("settings", DEFAULTS.id) ?? DEFAULTS;
}

/** Changes the settings; throws for values that mean nothing. */
export function changeSettings(tx: Transaction, given: Record<string, unknown>): Settings {
  const { afterRetries, retryDays } = { ...settingsOf(tx), ...given };
  if (afterRetries !== "cancel" && afterRetries !== "unpaid" && afterRetries !== "past_due") {
    throw invalidRequest("Invalid afterRetries: must be one of cancel, unpaid, or past_due", {
      param: "afterRetries",
    });
  }
  if (!isSchedule(retryDays)) {
    throw invalidRequest(`retryDays must be a list of at most ${MAX_RETRIES} numbers of days above 0.`, {
      param: "retryDays",
    });
  }
  return tx.insert("settings", { id: DEFAULTS.id, afterRetries, retryDays });
}

const isSchedule = (days: unknown): days is number[] =>
  Array.isArray(days) &&
  days.length <= MAX_RETRIES &&
  days.every((day) => typeof day === "number" && day > 0 && day <= 365);

/**
 * When an invoice is tried again whose latest automatic attempt, the `attempts`-th, has just failed;
 * null when it was the last. What a subscription waits for, to start or to change, is never tried
 * again: it lapses.
 */
export function nextPaymentAttempt(
  tx: Transaction,
  invoice: Kinds["invoice"],
  attempts: number,
): number | null {
  const { subscription: id } = invoice.parent?.subscription_details ?? {};
  const subscription = id ? tx.get("subscription", id) : undefined;
  if (!subscription || isFinal("subscription", subscription.status)) return null;
  if (tx.get("subscription_details", subscription.id)?.awaiting?.invoice === invoice.id) return null;
  if (!invoice.auto_advance || invoice.collection_method !== "charge_automatically") return null;
  if (subscription.status === "incomplete") return null;
  const days = settingsOf(tx).retryDays[attempts - 1];
  return days === undefined ? null : tx.now + Math.round(days * DAY_SECONDS);
}
