import { DAY_SECONDS } from "../../clock.ts";
/** How often something recurs. */
export interface Recurrence {
  interval: "day" | "week" | "month" | "year";
  interval_count: number;
}

/**
 * The moment `periods` recurrences after `anchor`, in seconds, by the UTC calendar. The day of the
 * anchor is kept where the month has it, else the month's last: 31 Jan, 28 Feb, 31 Mar.
 * https://docs.stripe.com/billing/subscriptions/billing-cycle
 */
export function recurrenceAfter(
  anchor: number,
  { interval, interval_count }: Recurrence,
  periods: number,
): number {
  const count = interval_count * periods;
  if (interval === "day") return anchor + count * DAY_SECONDS;
  if (interval === "week") return anchor + count * 7 * DAY_SECONDS;
  const start = new Date(anchor * 1000);
  const months = interval === "year" ? count * 12 : count;
  const target = new Date(start);
  target.setUTCDate(1);
  target.setUTCMonth(start.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  target.setUTCDate(Math.min(start.getUTCDate(), lastDay));
  return Math.floor(target.getTime() / 1000);
}

/** A span of time in seconds; the end is not in it. */
export interface Period {
  start: number;
  end: number;
}

/** About how long one recurrence is. */
const USUAL_DAYS = { day: 1, week: 7, month: 30, year: 365 };

/** The billing period that `at` is in, when one begins at `anchor` and at every recurrence before and after it. */
export function periodAt(anchor: number, recurrence: Recurrence, at: number): Period {
  const usual = USUAL_DAYS[recurrence.interval] * recurrence.interval_count * DAY_SECONDS;
  let count = Math.floor((at - anchor) / usual);
  while (recurrenceAfter(anchor, recurrence, count) > at) count -= 1;
  while (recurrenceAfter(anchor, recurrence, count + 1) <= at) count += 1;
  return {
    start: recurrenceAfter(anchor, recurrence, count),
    end: recurrenceAfter(anchor, recurrence, count + 1),
  };
}
