import { invalidRequest } from "./errors.ts";

/** Which states may follow which; an empty list is an end. */
type Machine = Record<string, readonly string[]>;

const machines = {
  "billing.meter": { active: ["inactive"], inactive: ["active"] },
  subscription: {
    incomplete: ["active", "trialing", "incomplete_expired", "canceled"],
    incomplete_expired: [],
    trialing: ["active", "past_due", "paused", "canceled"],
    active: ["trialing", "past_due", "paused", "unpaid", "canceled"],
    past_due: ["active", "trialing", "unpaid", "canceled"],
    unpaid: ["active", "trialing", "canceled"],
    paused: ["active", "trialing", "past_due", "canceled"],
    canceled: [],
  },
  subscription_schedule: {
    not_started: ["active", "canceled", "released"],
    active: ["canceled", "completed", "released"],
    canceled: [],
    completed: [],
    released: [],
  },
  invoice: {
    draft: ["open", "void"],
    open: ["paid", "void", "uncollectible"],
    uncollectible: ["paid", "void"],
    paid: [],
    void: [],
  },
  payment_intent: {
    requires_payment_method: [
      "requires_confirmation",
      "requires_action",
      "processing",
      "requires_capture",
      "succeeded",
      "canceled",
    ],
    requires_confirmation: [
      "requires_action",
      "processing",
      "requires_capture",
      "succeeded",
      "requires_payment_method",
      "canceled",
    ],
    requires_action: [
      "requires_confirmation",
      "processing",
      "requires_capture",
      "succeeded",
      "requires_payment_method",
      "canceled",
    ],
    processing: ["succeeded", "requires_payment_method", "requires_capture", "canceled"],
    requires_capture: ["succeeded", "canceled"],
    succeeded: [],
    canceled: [],
  },
  setup_intent: {
    requires_payment_method: ["requires_confirmation", "requires_action", "succeeded", "canceled"],
    requires_confirmation: ["requires_payment_method", "requires_action", "succeeded", "canceled"],
    requires_action: ["requires_payment_method", "requires_confirmation", "succeeded", "canceled"],
    succeeded: [],
    canceled: [],
  },
  refund: {
    pending: ["requires_action", "succeeded", "failed"],
    requires_action: ["pending", "succeeded", "failed", "canceled"],
    // A bank may send back money that was already on its way.
    succeeded: ["failed"],
    failed: [],
    canceled: [],
  },
  dispute: {
    warning_needs_response: ["warning_under_review", "warning_closed", "needs_response"],
    warning_under_review: ["warning_closed", "needs_response"],
    needs_response: ["under_review", "won", "lost"],
    under_review: ["won", "lost"],
    warning_closed: [],
    won: [],
    lost: [],
  },
  "checkout.session": { open: ["complete", "expired"], complete: [], expired: [] },
} satisfies Record<string, Machine>;

/** The state to go to, or Stripe's refusal when it cannot be reached from here. */
export function next<T extends string>(machine: keyof typeof machines, from: string | null, to: T): T {
  const allowed: readonly string[] = (machines[machine] as Machine)[from ?? ""] ?? [];
  if (from === to || allowed.includes(to)) return to;
  throw invalidRequest(`This ${machine} cannot become ${to}: its status is ${from}.`);
}

/** Whether nothing can follow this state. */
export function isFinal(machine: keyof typeof machines, state: string): boolean {
  return ((machines[machine] as Machine)[state] ?? []).length === 0;
}

/** All states of a machine. */
export function statesOf<M extends keyof typeof machines>(machine: M) {
  return Object.keys(machines[machine]) as (keyof (typeof machines)[M] & string)[];
}

/** Intents, of payments and setups, that nothing has come of yet: they can be confirmed, and changed. */
export const UNCONFIRMED: readonly string[] = [
  "requires_payment_method",
  "requires_confirmation",
  "requires_action",
];

/** Payment intents that have taken, reserved or asked for money. */
export const CONFIRMED: readonly string[] = ["processing", "requires_capture", "succeeded"];

/** Payment intents of which an attempt has come to nothing. */
export const REFUSED: readonly string[] = ["requires_payment_method", "canceled"];

/** Payment intents that can be given up, in the order in which Stripe's refusal names them. */
export const CANCELABLE: readonly string[] = [
  "requires_payment_method",
  "requires_capture",
  "requires_confirmation",
  "requires_action",
  "processing",
];

/** Subscriptions whose periods follow one another. */
export const RENEWING: readonly string[] = ["active", "past_due", "trialing", "unpaid"];

/** Subscriptions that have been billed for the time they are in. */
export const BILLED: readonly string[] = ["active", "past_due", "unpaid"];
