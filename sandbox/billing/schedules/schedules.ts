import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds, ScheduleDetails } from "../../kinds.ts";
import { isFinal, next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { cancelNow } from "../subscriptions/cancellation.ts";
import type { ProrationBehavior } from "../subscriptions/change-plan.ts";
import { type Phase, phaseAt, type Schedule } from "./phases.ts";
import { applyPhase, beginPhase, endWith, letGo } from "./turns.ts";

type Subscription = Kinds["subscription"];

/** A schedule's end is told of so long before. */
const NOTICE_SECONDS = 7 * DAY_SECONDS;

/** What a new schedule is to be. */
interface ScheduleInput {
  customer: string;
  phases: Phase[];
  end_behavior?: "cancel" | "release";
  billing_mode?: "classic" | "flexible";
  default_settings?: Partial<Schedule["default_settings"]>;
  metadata?: Record<string, string>;
}

/** What a schedule's invoices are unless it says otherwise. */
export const NO_INVOICE_SETTINGS: Schedule["default_settings"]["invoice_settings"] = {
  account_tax_ids: null,
  custom_fields: null,
  days_until_due: null,
  description: null,
  footer: null,
  issuer: { type: "self" },
};

const DEFAULT_SETTINGS: Schedule["default_settings"] = {
  application_fee_percent: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null },
  billing_cycle_anchor: "automatic",
  billing_thresholds: null,
  collection_method: "charge_automatically",
  default_payment_method: null,
  description: null,
  invoice_settings: NO_INVOICE_SETTINGS,
  on_behalf_of: null,
  transfer_data: null,
};

/** A new schedule; one whose first phase begins now starts its subscription. https://docs.stripe.com/billing/subscriptions/subscription-schedules */
export function createSchedule(tx: Transaction, input: ScheduleInput): Schedule {
  const schedule = insertSchedule(tx, input, null);
  if (schedule.phases[0]!.start_date <= tx.now) beginPhase(tx, schedule, schedule.phases[0]!);
  return tx.need("subscription_schedule", schedule.id);
}

/** A schedule that takes a running subscription over: its current period is the only phase. */
export function scheduleOf(tx: Transaction, subscription: Subscription): Schedule {
  assertCanBeScheduled(subscription);
  const { customer, billing_mode } = subscription;
  const phases = [currentPhase(subscription)];
  const schedule = insertSchedule(tx, { customer, phases, billing_mode: billing_mode.type }, subscription);
  tx.update("subscription", subscription.id, { schedule: schedule.id }, "customer.subscription.updated");
  return schedule;
}

function assertCanBeScheduled({ id, schedule, status }: Subscription): void {
  if (schedule) {
    throw invalidRequest(
      `You cannot migrate a subscription that is already attached to a schedule: ${schedule}.`,
      { param: "from_subscription" },
    );
  }
  if (!isFinal("subscription", status) && status !== "incomplete") return;
  throw invalidRequest(`The subscription ${id} cannot be scheduled: its status is ${status}.`, {
    param: "from_subscription",
  });
}

function currentPhase({ currency, items, metadata, trial_end, status }: Subscription): Phase {
  const { data } = items;
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency,
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: Math.max(...data.map((item) => item.current_period_end)),
    invoice_settings: null,
    items: data.map(({ metadata: own, price, quantity }) => ({
      billing_thresholds: null,
      discounts: [],
      metadata: own,
      plan: price.id,
      price: price.id,
      tax_rates: [],
      ...(quantity !== undefined && { quantity }),
    })),
    metadata,
    on_behalf_of: null,
    proration_behavior: "create_prorations",
    start_date: Math.min(...data.map((item) => item.current_period_start)),
    transfer_data: null,
    trial_end: status === "trialing" ? trial_end : null,
  };
}

function insertSchedule(tx: Transaction, input: ScheduleInput, subscription: Subscription | null): Schedule {
  const { customer, phases } = input;
  const [first] = phases;
  const schedule = tx.insert("subscription_schedule", {
    id: newId("sub_sched"),
    object: "subscription_schedule",
    application: null,
    billing_mode:
      input.billing_mode === "classic"
        ? { flexible: null, type: "classic" }
        : { flexible: { proration_discounts: "included" }, type: "flexible" },
    canceled_at: null,
    completed_at: null,
    created: tx.now,
    current_phase: subscription ? { end_date: first!.end_date, start_date: first!.start_date } : null,
    customer,
    customer_account: null,
    default_settings: { ...DEFAULT_SETTINGS, ...input.default_settings },
    end_behavior: input.end_behavior ?? "release",
    livemode: false,
    metadata: input.metadata ?? {},
    pause_schedules: [],
    phases,
    released_at: null,
    released_subscription: null,
    status: subscription ? "active" : "not_started",
    subscription: subscription?.id ?? null,
    test_clock: tx.need("customer", customer, "customer").test_clock ?? null,
  });
  tx.emit("subscription_schedule.created", schedule);
  foretellEnd(tx, schedule);
  return schedule;
}

/** A change to a schedule; what is not said stays. */
interface ScheduleChanges {
  phases?: Phase[];
  end_behavior?: "cancel" | "release";
  default_settings?: Partial<Schedule["default_settings"]>;
  metadata?: Record<string, string>;
  proration_behavior?: ProrationBehavior;
}

/** Changes a schedule; what becomes different of the current phase is changed at once. */
export function updateSchedule(tx: Transaction, schedule: Schedule, changes: ScheduleChanges): Schedule {
  assertGoesOn(schedule, "update");
  const { phases = schedule.phases, default_settings, end_behavior = schedule.end_behavior } = changes;
  const current = phaseAt({ phases }, tx.now);
  if (!current) throw invalidRequest("At least one phase must end in the future.", { param: "phases" });
  const isOn = schedule.status === "active";
  const updated = tx.update(
    "subscription_schedule",
    schedule.id,
    {
      phases,
      end_behavior,
      metadata: changes.metadata ?? schedule.metadata,
      default_settings: { ...schedule.default_settings, ...default_settings },
      ...(isOn && { current_phase: { end_date: current.end_date, start_date: current.start_date } }),
    },
    "subscription_schedule.updated",
  );
  foretellEnd(tx, updated);
  if (isOn) followPhase(tx, updated, current, changes);
  else if (current.start_date <= tx.now) beginPhase(tx, updated, current);
  return tx.need("subscription_schedule", schedule.id);
}

function followPhase(tx: Transaction, schedule: Schedule, current: Phase, changes: ScheduleChanges): void {
  const subscription = tx.need("subscription", schedule.subscription!);
  const proration = changes.proration_behavior ?? "create_prorations";
  if (changes.phases) applyPhase(tx, subscription, current, { proration, isNew: false });
  const isLast = current === schedule.phases.at(-1);
  const after = tx.need("subscription", subscription.id);
  if (schedule.end_behavior === "cancel" && isLast) endWith(tx, after, current);
  else if (after.cancel_at !== null) {
    tx.update("subscription", after.id, { cancel_at: null }, "customer.subscription.updated");
  }
}

function assertGoesOn({ status }: Schedule, verb: string): void {
  if (!isFinal("subscription_schedule", status)) return;
  throw invalidRequest(
    `You cannot ${verb} a subscription schedule that is currently in the \`${status}\` status. It must be \`not_started\` or \`active\`.`,
  );
}

/** Lets the subscription go on without the schedule. */
export function releaseSchedule(tx: Transaction, schedule: Schedule, keepsEnd: boolean): Schedule {
  assertGoesOn(schedule, "release");
  const released = tx.update("subscription_schedule", schedule.id, {
    ...letGo(schedule, tx.now),
    status: next("subscription_schedule", schedule.status, "released"),
  });
  if (schedule.subscription) {
    const patch = { schedule: null, ...(!keepsEnd && { cancel_at: null }) };
    tx.update("subscription", schedule.subscription, patch, "customer.subscription.updated");
  }
  tx.emit("subscription_schedule.released", released);
  return released;
}

/** Ends a schedule, and its subscription with it. */
export function cancelSchedule(
  tx: Transaction,
  schedule: Schedule,
  how: { invoicesNow: boolean; prorates: boolean },
): Schedule {
  assertGoesOn(schedule, "cancel");
  const subscription = tx.get("subscription", schedule.subscription ?? "");
  if (subscription) cancelNow(tx, subscription, how);
  else {
    const status = next("subscription_schedule", schedule.status, "canceled");
    const canceled = tx.update("subscription_schedule", schedule.id, { status, canceled_at: tx.now });
    tx.emit("subscription_schedule.canceled", canceled);
  }
  return tx.need("subscription_schedule", schedule.id);
}

/** Plans to tell of a schedule's end a week before it. */
function foretellEnd(tx: Transaction, { customer, id, phases }: Schedule): void {
  const at = phases.at(-1)!.end_date - NOTICE_SECONDS;
  tx.insert("schedule_details", { id, customer, expiring_at: at > tx.now ? at : null });
}

/** Tells of a schedule's end, if it still goes on. */
export function tellScheduleEnd(tx: Transaction, details: ScheduleDetails): void {
  tx.insert("schedule_details", { ...details, expiring_at: null });
  const schedule = tx.get("subscription_schedule", details.id);
  if (schedule?.status === "active") tx.emit("subscription_schedule.expiring", schedule);
}
