import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { canRedeem, keeping, type Redemption, redeem } from "../catalogue/discounts.ts";
import type { ProrationBehavior } from "../subscriptions/change-plan.ts";
import { updateSubscription } from "../subscriptions/changes.ts";
import { type ExtraItem, insertExtraItems } from "../subscriptions/extra-items.ts";
import { draftBill } from "../subscriptions/invoices.ts";
import type { ItemChanges } from "../subscriptions/item-changes.ts";
import type { ItemInput } from "../subscriptions/items.ts";
import { itemLine } from "../subscriptions/lines.ts";
import { createSubscription } from "../subscriptions/subscriptions.ts";
import { type Phase, phaseAt, type Schedule } from "./phases.ts";

type Subscription = Kinds["subscription"];

/** When a schedule next turns to another phase, or to its end; null when it is over. */
export function turnsAt({ current_phase, phases, status }: Schedule): number | null {
  if (status === "not_started") return phases[0]!.start_date;
  return status === "active" ? current_phase!.end_date : null;
}

/** Begins the phase that is due, or ends the schedule after its last one. */
export function turn(tx: Transaction, schedule: Schedule): void {
  const phase = phaseAt(schedule, tx.now);
  if (phase) beginPhase(tx, schedule, redeemable(tx, schedule, phase));
  else endSchedule(tx, schedule);
}

/** A phase without the coupons and codes that cannot be redeemed any more: nobody is there to be refused. */
function redeemable(tx: Transaction, { customer, subscription }: Schedule, phase: Phase): Phase {
  const { currency } = phase;
  const held = tx.get("subscription", subscription ?? "")?.discounts ?? [];
  const target = { customer, currency, subscription: subscription ?? undefined };
  const discounts = phase.discounts.filter((one) =>
    canRedeem(tx, keeping(tx, held, redemptionOf(one)), target),
  );
  return { ...phase, discounts };
}

/** A schedule that turns at the moment its subscription renews turns first: the new period is billed as the new phase says. */
export function turnBefore(tx: Transaction, { schedule: id }: Subscription): void {
  const schedule = id ? tx.get("subscription_schedule", id) : undefined;
  if (schedule && (turnsAt(schedule) ?? Number.POSITIVE_INFINITY) <= tx.now) turn(tx, schedule);
}

/** Makes the subscription what a phase says. */
export function beginPhase(tx: Transaction, schedule: Schedule, phase: Phase): void {
  const before = tx.get("subscription", schedule.subscription ?? "");
  const subscription = before
    ? applyPhase(tx, before, phase, { proration: phase.proration_behavior, isNew: true })
    : startWith(tx, schedule, phase);
  const { end_date, start_date } = phase;
  tx.update(
    "subscription_schedule",
    schedule.id,
    {
      status: next("subscription_schedule", schedule.status, "active"),
      current_phase: { end_date, start_date },
      subscription: subscription.id,
    },
    "subscription_schedule.updated",
  );
  if (schedule.end_behavior === "cancel" && start_date === schedule.phases.at(-1)!.start_date)
    endWith(tx, subscription, phase);
}

/** In the last phase of a schedule that ends its subscription, the subscription is known to end. */
export function endWith(tx: Transaction, { id }: Subscription, { end_date }: Phase): void {
  tx.update("subscription", id, { cancel_at: end_date }, "customer.subscription.updated");
}

/** A subscription that a schedule starts is active at once; its first invoice is collected like a renewal's. */
function startWith(
  tx: Transaction,
  { billing_mode, customer, default_settings, id }: Schedule,
  phase: Phase,
): Subscription {
  const subscription = newId("sub");
  const { currency, metadata } = phase;
  const discounts = redeem(tx, phase.discounts.map(redemptionOf), { customer, currency, subscription });
  const created = createSubscription(tx, {
    id: subscription,
    customer,
    currency,
    items: inputs(tx, phase),
    latest_invoice: newId("in"),
    billing_mode: billing_mode.type,
    collection_method:
      phase.collection_method ?? default_settings.collection_method ?? "charge_automatically",
    days_until_due:
      phase.invoice_settings?.days_until_due ?? default_settings.invoice_settings.days_until_due,
    default_payment_method: phase.default_payment_method ?? default_settings.default_payment_method,
    description: phase.description ?? default_settings.description,
    discounts: discounts.map((discount) => discount.id),
    metadata: metadata ?? {},
    schedule: id,
    trial_end: phase.trial_end,
    status: phase.trial_end === null ? "active" : "trialing",
  });
  insertExtraItems(tx, created, extras(tx, phase));
  draftBill(tx, created, {
    id: created.latest_invoice!,
    billing_reason: "subscription_create",
    lines: created.items.data.map((item) => itemLine(tx, created, item)),
  });
  return created;
}

/** Changes a running subscription to what a phase says. */
export function applyPhase(
  tx: Transaction,
  before: Subscription,
  phase: Phase,
  { proration, isNew }: { proration: ProrationBehavior; isNew: boolean },
): Subscription {
  const { collection_method, default_payment_method, description, metadata, trial_end } = phase;
  const { currency, customer, id } = before;
  const redemptions = phase.discounts.map((one) => keeping(tx, before.discounts, redemptionOf(one)));
  const discounts = redeem(tx, redemptions, { customer, currency, subscription: id });
  return updateSubscription(tx, before, {
    items: phaseChanges(tx, before, phase),
    proration_behavior: proration,
    isAutomatic: true,
    metadata: metadata ?? {},
    ...(isNew && { extras: extras(tx, phase) }),
    ...(isNew && phase.billing_cycle_anchor === "phase_start" && { billing_cycle_anchor: "now" as const }),
    ...(trial_end !== null && trial_end > tx.now && { trial_end }),
    ...(collection_method && { collection_method }),
    ...(default_payment_method && { default_payment_method }),
    ...(description !== null && { description }),
    ...(discounts.length > 0 && { discountIds: discounts.map((discount) => discount.id) }),
  });
}

const redemptionOf = ({ coupon, discount, promotion_code }: Phase["discounts"][number]): Redemption => ({
  coupon: coupon ?? undefined,
  discount: discount ?? undefined,
  promotion_code: promotion_code ?? undefined,
});

const inputs = (tx: Transaction, { items }: Phase): ItemInput[] =>
  items.map(({ price, quantity, metadata }) => ({
    price: tx.need("price", price),
    quantity,
    metadata: metadata ?? {},
  }));

function extras(tx: Transaction, { add_invoice_items }: Phase): ExtraItem[] {
  return add_invoice_items.map(({ price, quantity, metadata }) => ({
    price: tx.need("price", price),
    quantity: quantity ?? 1,
    metadata: metadata ?? {},
  }));
}

/** Items keep their ids as far as there are as many: those of the same price first, then in order. */
function phaseChanges(tx: Transaction, { items }: Subscription, phase: Phase): ItemChanges {
  const wanted = inputs(tx, phase);
  const same = items.data.filter((item) => wanted.some(({ price }) => price.id === item.price.id));
  const others = items.data.filter((item) => !same.includes(item));
  const changes: ItemChanges = { changed: [], added: [] };
  for (const input of wanted) {
    const item = same.find(({ price }) => price.id === input.price.id) ?? others.shift();
    if (item) changes.changed.push({ id: item.id, ...input, discounts: undefined });
    else changes.added.push(input);
  }
  for (const { id } of others) changes.changed.push({ id, deleted: true });
  return changes;
}

/** After its last phase the schedule lets go of its subscription, or has ended it. */
function endSchedule(tx: Transaction, schedule: Schedule): void {
  const subscription = tx.get("subscription", schedule.subscription ?? "");
  if (schedule.end_behavior === "cancel") return;
  const released = tx.update("subscription_schedule", schedule.id, {
    ...letGo(schedule, tx.now),
    status: next("subscription_schedule", schedule.status, "released"),
  });
  if (subscription)
    tx.update("subscription", subscription.id, { schedule: null }, "customer.subscription.updated");
  tx.emit("subscription_schedule.released", released);
}

/** What a schedule shows of a subscription that it no longer manages. */
export const letGo = ({ subscription }: Schedule, now: number): Partial<Schedule> => ({
  current_phase: null,
  released_at: now,
  released_subscription: subscription,
  subscription: null,
});
