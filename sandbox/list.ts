import type Stripe from "stripe";
import { invalidParameter, noSuch } from "./errors.ts";
import type { Kind, Kinds, Wire } from "./kinds.ts";
import { either, type Infer, integer, object, text, timestamp } from "./params.ts";
import type { Where } from "./store.ts";
import type { Transaction } from "./transaction.ts";

export const range = either(
  object({ gt: timestamp, gte: timestamp, lt: timestamp, lte: timestamp }),
  timestamp,
);

/** What every list takes. https://docs.stripe.com/api/pagination */
export const pageParams = {
  limit: integer({ min: 1, max: 100 }),
  starting_after: text(),
  ending_before: text(),
};

/** What lists of things with a time of creation take. */
export const listParams = { ...pageParams, created: range };

type Range =
  | number
  | Infer<{ gt: typeof timestamp; gte: typeof timestamp; lt: typeof timestamp; lte: typeof timestamp }>;
type PageRequest = Infer<typeof pageParams> & { created?: Range };

/** Whether a moment is in what a list asks for. */
export function inRange(value: number, wanted: Range | undefined): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted === "number") return value === wanted;
  const { gt, gte, lt, lte } = wanted;
  return (
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte)
  );
}

/** Which objects a list has: those of an index (all without one) that pass `keep`. */
interface Selection<K extends Kind> {
  kind: K;
  url: string;
  where?: Where<K> | undefined;
  keep?: (row: Kinds[K]) => boolean;
}

/** The first of these filters that is given, as the index to look in. */
export function under<I extends string>(filters: Partial<Record<I, string | undefined>>) {
  for (const index of Object.keys(filters) as I[]) {
    const key = filters[index];
    if (key !== undefined) return { index, key };
  }
  return undefined;
}

function cursor(tx: Transaction, kind: Kind, id: string | undefined, param: string): number | undefined {
  if (id === undefined) return undefined;
  const sequence = tx.sequence(kind, id);
  if (sequence === undefined) throw noSuch(kind, id, param);
  return sequence;
}

/** One page of objects, newest first. */
export function page<K extends Kind>(
  tx: Transaction,
  selection: Selection<K>,
  request: PageRequest,
): Wire<Stripe.ApiList<Kinds[K]>> {
  const { kind, where, keep = () => true, url } = selection;
  const { limit = 10, starting_after, ending_before, created } = request;
  if (starting_after && ending_before) {
    throw invalidParameter(
      "ending_before",
      "You can only pass one of these parameters: starting_after, ending_before.",
      "parameters_exclusive",
    );
  }
  const after = cursor(tx, kind, starting_after, "starting_after");
  const before = cursor(tx, kind, ending_before, "ending_before");
  const rows = before === undefined ? tx.newest(kind, where, after) : tx.oldest(kind, where, before);
  const data: Kinds[K][] = [];
  let has_more = false;
  for (const row of rows) {
    const stamp = "created" in row ? row.created : 0;
    if (!keep(row) || !inRange(stamp, created)) continue;
    has_more = data.length === limit;
    if (has_more) break;
    data.push(row);
  }
  if (before !== undefined) data.reverse();
  return { object: "list", data, has_more, url } as Wire<Stripe.ApiList<Kinds[K]>>;
}

/** One page of a list that another object contains, in its own order. */
export function pageOf<T extends { id: string }>(rows: T[], url: string, request: PageRequest) {
  const { limit = 10, starting_after, ending_before } = request;
  const position = (id: string, param: string) => {
    const at = rows.findIndex((row) => row.id === id);
    if (at < 0) throw noSuch("line item", id, param);
    return at;
  };
  if (ending_before) {
    const end = position(ending_before, "ending_before");
    const start = Math.max(0, end - limit);
    return { object: "list" as const, data: rows.slice(start, end), has_more: start > 0, url };
  }
  const start = starting_after ? position(starting_after, "starting_after") + 1 : 0;
  return {
    object: "list" as const,
    data: rows.slice(start, start + limit),
    has_more: rows.length > start + limit,
    url,
  };
}
