import { ApiError, invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { type MetadataChange, withMetadata } from "../../metadata.ts";
import type { Transaction } from "../../transaction.ts";
import {
  assertItemsFit,
  type Item,
  type ItemInput,
  isMetered,
  newItem,
  priced,
  recursAlike,
} from "./items.ts";
import type { Period } from "./periods.ts";

type Subscription = Kinds["subscription"];

/** What becomes of an item of a subscription; what is not said stays. */
export interface ItemChange {
  id: string;
  deleted?: boolean | undefined;
  price?: Kinds["price"] | undefined;
  quantity?: number | undefined;
  metadata?: MetadataChange | undefined;
  /** Ids; none take the item's away. */
  discounts?: string[] | undefined;
}

/** Changes of items that exist, and items that are added. */
export interface ItemChanges {
  changed: ItemChange[];
  added: ItemInput[];
}

/** An item before and after a change; one of the two is null when it is added or goes. */
export interface ItemStep {
  before: Item | null;
  after: Item | null;
}

/** Each item of a subscription before and after, in their order. New items have `period`. */
export function itemSteps(
  tx: Transaction,
  subscription: Subscription,
  { changed, added }: ItemChanges,
  period: Period,
): ItemStep[] {
  const { billing_mode, items } = subscription;
  for (const { id: unknown } of changed) {
    if (!items.data.some((item) => item.id === unknown)) throw noSuchItem(unknown);
  }
  const steps: ItemStep[] = items.data.map((before) => {
    const change = changed.find((candidate) => candidate.id === before.id);
    return { before, after: change ? changedItem(before, change) : before };
  });
  for (const input of added) steps.push({ before: null, after: newItem(tx, subscription, input, period) });
  assertItemsFit(
    steps.flatMap(({ after }) => (after ? [after] : [])),
    billing_mode.type,
  );
  return steps;
}

/** Another price without a quantity makes the quantity 1, as it does at Stripe. */
function changedItem(
  before: Item,
  { deleted, price, quantity, metadata, discounts }: ItemChange,
): Item | null {
  if (deleted) return null;
  if (quantity !== undefined && isMetered({ price: price ?? before.price })) throw countedByMeter();
  const isOther = price !== undefined && price.id !== before.price.id;
  const { quantity: had, ...rest } = before;
  return {
    ...rest,
    metadata: withMetadata(before.metadata, metadata),
    discounts: discounts ?? before.discounts,
    ...priced(price ?? before.price, quantity ?? (isOther ? 1 : had)),
  };
}

/** What is metered has no quantity of its own. */
export function countedByMeter(param = "items"): ApiError {
  return invalidRequest("You cannot set the quantity for metered plans.", { param });
}

/** The item that a parameter names is none of the subscription's. */
function noSuchItem(id: string): ApiError {
  return invalidRequest(`No such subscription_item: '${id}'`, { param: "items", code: "resource_missing" });
}

/** Whether an item is billed otherwise than before. */
export function isRepriced({ before, after }: ItemStep): boolean {
  return before?.price.id !== after?.price.id || before?.quantity !== after?.quantity;
}

/** Whether an item that stays recurs otherwise than before. */
export const changesInterval = ({ before, after }: ItemStep): boolean =>
  before !== null && after !== null && !recursAlike(before.price, after.price);
