import { DAY_SECONDS } from "../../clock.ts";
import { invalidParameter } from "../../errors.ts";
import type { Transaction } from "../../transaction.ts";
import type { Item, ItemInput } from "./items.ts";
import { recurrenceAfter } from "./periods.ts";

const MAX_TRIAL_DAYS = 730;

/** The parameters that say how long a trial is. */
interface TrialParams {
  trial_end?: "now" | number;
  trial_from_plan?: boolean;
  trial_period_days?: number;
}

/** When the trial of a new subscription ends; null without one. */
export function firstTrialEnd(tx: Transaction, params: TrialParams, items: ItemInput[]): number | null {
  const { trial_end, trial_from_plan, trial_period_days } = params;
  const given = Object.entries({
    trial_end,
    trial_from_plan: trial_from_plan || undefined,
    trial_period_days,
  });
  const names = given.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (names.length > 1) {
    const message = `You may only specify one of these parameters: ${names.join(", ")}.`;
    throw invalidParameter(names[0]!, message, "parameters_exclusive");
  }
  if (trial_end !== undefined) return trialMoment(tx, trial_end);
  const days = trial_from_plan
    ? Math.max(...items.map(({ price }) => price.recurring?.trial_period_days ?? 0))
    : (trial_period_days ?? 0);
  return days === 0 ? null : tx.now + days * DAY_SECONDS;
}

/** A trial's end as a parameter gives it; null for now. */
export function trialMoment(tx: Transaction, trial_end: "now" | number): number | null {
  if (trial_end === "now") return null;
  assertFuture(tx, trial_end, "trial_end");
  if (trial_end <= tx.now + MAX_TRIAL_DAYS * DAY_SECONDS) return trial_end;
  throw invalidParameter("trial_end", "Invalid timestamp: can be no more than two years in the future");
}

function assertFuture(tx: Transaction, at: number, param: string): void {
  if (at > tx.now) return;
  throw invalidParameter(param, "Invalid timestamp: must be an integer Unix timestamp in the future.");
}

/**
 * Where a new subscription's periods are counted from: not later than when its first ones would
 * be over, nor before its trial is. https://docs.stripe.com/billing/subscriptions/billing-cycle
 */
export function firstAnchor(
  tx: Transaction,
  anchor: number | undefined,
  items: ItemInput[],
  trialEnd: number | null,
): number | undefined {
  if (anchor === undefined) return undefined;
  assertFuture(tx, anchor, "billing_cycle_anchor");
  if (trialEnd !== null && trialEnd > anchor) {
    throw invalidParameter(
      "trial_end",
      "The trial must end at or before the billing cycle anchor.",
      "subscription_update_trial_after_billing_cycle_anchor",
    );
  }
  for (const { price } of items) {
    const natural = recurrenceAfter(trialEnd ?? tx.now, price.recurring!, 1);
    if (anchor <= natural) continue;
    throw invalidParameter(
      "billing_cycle_anchor",
      `billing_cycle_anchor cannot be later than next natural billing date (${natural}) for plan.`,
    );
  }
  return anchor;
}

export type CancelAt = number | "max_billed_until" | "max_period_end" | "min_period_end";

/** The moment that a `cancel_at` stands for. */
export function cancelMoment(tx: Transaction, cancelAt: CancelAt, items: Item[]): number {
  const ends = items.map((item) => item.current_period_end);
  if (cancelAt === "min_period_end") return Math.min(...ends);
  if (cancelAt === "max_period_end" || cancelAt === "max_billed_until") return Math.max(...ends);
  assertFuture(tx, cancelAt, "cancel_at");
  return cancelAt;
}
