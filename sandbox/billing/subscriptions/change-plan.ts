import { invalidParameter } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import type { InvoiceLine } from "../invoices/lines.ts";
import { changesInterval, type ItemChanges, type ItemStep, isRepriced, itemSteps } from "./item-changes.ts";
import { type Item, periodFrom } from "./items.ts";
import { itemLine, recurringAmount } from "./lines.ts";
import type { Period } from "./periods.ts";
import { creditFor, debitFor, type Proration, span } from "./prorations.ts";

type Subscription = Kinds["subscription"];

export type ProrationBehavior = "always_invoice" | "create_prorations" | "none";

/** The part of a change to a subscription that decides what is billed. */
export interface BillingChange {
  items?: ItemChanges;
  billing_cycle_anchor?: "now" | "unchanged" | undefined;
  /** Null ends a trial now. */
  trial_end?: number | null;
  /** In seconds; null for no end. */
  cancel_at?: number | null;
  /** Ids of the discounts that the subscription has afterwards. */
  discounts?: string[];
  proration_behavior: ProrationBehavior;
  /** The moment that prorations are counted from; now without it. */
  proration_date?: number | undefined;
}

/** What a change would make of a subscription, and what it costs. Nothing of it has been written. */
export interface ChangePlan {
  /** The fields that become different. */
  patch: Partial<Subscription>;
  after: Subscription;
  prorations: Proration[];
  /** Whether it is billed now, rather than with the next renewal. */
  bills: boolean;
  /** What is billed now in full, because a new period begins. */
  lines: InvoiceLine[];
}

/** How a change moves a subscription's periods. */
interface Course {
  steps: ItemStep[];
  anchor: number;
  wasTrialing: boolean;
  isTrialing: boolean;
  /** The end of the trial that is on afterwards. */
  trialEnd: number | null;
  /** Periods begin anew now. */
  isReset: boolean;
  prorates: boolean;
  /** When the subscription ends; undefined when that does not change. */
  cancelAt: number | null | undefined;
}

/** Works a change out. https://docs.stripe.com/billing/subscriptions/prorations */
export function planChange(tx: Transaction, before: Subscription, change: BillingChange): ChangePlan {
  const course = courseOf(tx, before, change);
  const { isReset, isTrialing, wasTrialing } = course;
  const steps = course.steps.map((step) => ({ ...step, after: moved(tx, before, course, step) }));
  const patch = {
    ...trialPatch(tx, before, course),
    items: itemsOf(before, steps),
    billing_cycle_anchor: course.anchor,
  };
  const after = {
    ...before,
    ...patch,
    cancel_at: course.cancelAt === undefined ? before.cancel_at : course.cancelAt,
    discounts: change.discounts ?? before.discounts,
  };
  const at = prorationDate(tx, before, change);
  const begins = isReset || (isTrialing && !wasTrialing);
  const prorations = course.prorates
    ? steps.flatMap((step) => prorationsOf(tx, { before, after }, step, { at, begins }))
    : [];
  return {
    patch,
    after,
    prorations,
    bills: begins || (change.proration_behavior === "always_invoice" && prorations.length > 0),
    lines: begins ? steps.flatMap((step) => newLines(tx, after, step)) : [],
  };
}

function itemsOf({ items }: Subscription, steps: ItemStep[]): Subscription["items"] {
  return { ...items, data: steps.flatMap(({ after }) => (after ? [after] : [])) };
}

function courseOf(tx: Transaction, before: Subscription, change: BillingChange): Course {
  const { trial_end, billing_cycle_anchor } = change;
  const wasTrialing = before.status === "trialing";
  const nothing = { changed: [], added: [] };
  const steps = itemSteps(tx, before, change.items ?? nothing, { start: tx.now, end: tx.now });
  const isTrialing = typeof trial_end === "number" || (wasTrialing && trial_end === undefined);
  const isBilling = before.status !== "paused" && before.status !== "incomplete";
  const isReset =
    isBilling &&
    !isTrialing &&
    (wasTrialing || billing_cycle_anchor === "now" || beginsAnew(tx, before, steps));
  const trialEnd = isTrialing ? (trial_end ?? before.trial_end) : null;
  return {
    steps,
    anchor: typeof trial_end === "number" ? trial_end : isReset ? tx.now : before.billing_cycle_anchor,
    wasTrialing,
    isTrialing,
    trialEnd,
    isReset,
    prorates: change.proration_behavior !== "none" && !wasTrialing && isBilling,
    cancelAt: change.cancel_at,
  };
}

/** Another interval, or a price after none, begins a new period at once. */
function beginsAnew(tx: Transaction, before: Subscription, steps: ItemStep[]): boolean {
  if (steps.some(changesInterval)) return true;
  const cost = (items: (Item | null)[]) =>
    items.reduce((sum, item) => sum + (item ? recurringAmount(tx, before, item) : 0), 0);
  return cost(steps.map((step) => step.before)) === 0 && cost(steps.map((step) => step.after)) > 0;
}

function trialPatch(tx: Transaction, before: Subscription, course: Course): Partial<Subscription> {
  const { isTrialing, trialEnd, wasTrialing } = course;
  if (isTrialing) {
    const trial_start = wasTrialing ? before.trial_start : tx.now;
    return { status: "trialing", trial_end: trialEnd, trial_start };
  }
  return wasTrialing ? { status: "active", trial_end: tx.now } : {};
}

/** The item in the period that it is billed for afterwards. */
function moved(tx: Transaction, before: Subscription, course: Course, step: ItemStep): Item | null {
  const { after: item } = step;
  if (!item) return null;
  const { anchor, cancelAt, isReset, isTrialing, prorates, trialEnd, wasTrialing } = course;
  const start = isReset || !step.before || (isTrialing && !wasTrialing) ? tx.now : item.current_period_start;
  if (isTrialing) return inPeriod(item, { start, end: trialEnd! });
  const isNew = isReset || !step.before;
  if (!isNew && (!prorates || cancelAt === undefined)) return item;
  // An end with the period follows the period.
  const known = before.cancel_at_period_end ? null : before.cancel_at;
  const end = cancelAt === undefined ? known : cancelAt;
  return inPeriod(
    item,
    periodFrom({ billing_cycle_anchor: anchor, cancel_at: prorates ? end : null }, item, start),
  );
}

const inPeriod = (item: Item, { start, end }: Period): Item => ({
  ...item,
  current_period_start: start,
  current_period_end: end,
});

/** The moment prorations are counted from: in a period that is being billed. */
function prorationDate(
  tx: Transaction,
  { items }: Subscription,
  { proration_date: at }: BillingChange,
): number {
  if (at === undefined) return tx.now;
  const starts = items.data.map((item) => item.current_period_start);
  const ends = items.data.map((item) => item.current_period_end);
  if (at >= Math.min(...starts) && at <= Math.max(...ends)) return at;
  throw invalidParameter(
    "proration_date",
    "Invalid proration_date: it must be within the current billing period of the subscription.",
  );
}

interface Sides {
  before: Subscription;
  after: Subscription;
}

/** What one item gives back, and costs, from `at` on. When periods begin anew, it costs nothing here: that is billed in full. */
function prorationsOf(
  tx: Transaction,
  { before, after }: Sides,
  step: ItemStep,
  { at, begins }: { at: number; begins: boolean },
): Proration[] {
  const was = step.before?.current_period_end ?? at;
  const is = begins ? at : (step.after?.current_period_end ?? at);
  const isOther = begins || isRepriced(step);
  const credit = step.before
    ? creditFor(tx, before, step.before, span(isOther ? at : Math.max(at, is), was))
    : [];
  const debit =
    step.after && !begins ? debitFor(tx, after, step.after, span(isOther ? at : Math.max(at, was), is)) : [];
  return [...credit, ...debit];
}

/** What the period that begins costs; of what is metered, what the one that ends early has used. */
function newLines(tx: Transaction, after: Subscription, step: ItemStep): InvoiceLine[] {
  const { before, after: item } = step;
  if (!item) return [];
  const previous =
    before && after.status !== "trialing" ? { start: before.current_period_start, end: tx.now } : null;
  return [itemLine(tx, after, item, { previous })];
}
