/** How often something recurs. */
export interface Recurrence {
  interval: "day" | "week" | "month" | "year";
  interval_count: number;
}

const DAY_SECONDS = 86_400;

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
