import type { Kinds } from "../../kinds.ts";

type Price = Kinds["price"];
export type InvoiceLine = Kinds["invoice"]["lines"]["data"][number];

/** "month", "3 months". */
export function intervalText(price: Price): string {
  const { interval = "month", interval_count = 1 } = price.recurring ?? {};
  return interval_count === 1 ? interval : `${interval_count} ${interval}s`;
}
