import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { type MetadataChange, withMetadata } from "../../metadata.ts";
import { isFinal } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import type { Cancellation } from "./cancellation.ts";
import { periodEnd } from "./items.ts";
import { type CancelAt, cancelMoment } from "./times.ts";

type Subscription = Kinds["subscription"];
type EndBehavior = NonNullable<Subscription["trial_settings"]>["end_behavior"];

/** Changes of fields that are not billed themselves. */
export interface PlainChanges {
  cancel_at?: CancelAt | null;
  cancel_at_period_end?: boolean;
  cancellation?: Pick<Cancellation, "comment" | "feedback">;
  collection_method?: "charge_automatically" | "send_invoice";
  days_until_due?: number | null;
  default_payment_method?: string | null;
  description?: string | null;
  /** Ids of the discounts that it has afterwards. */
  discountIds?: string[];
  metadata?: MetadataChange;
  missing_payment_method?: EndBehavior["missing_payment_method"];
  pause_collection?: Subscription["pause_collection"];
  payment_settings?: Partial<NonNullable<Subscription["payment_settings"]>>;
}

/** What may still change when a subscription is over, and before it has started. */
const WHEN_ENDED = new Set(["metadata", "cancellation"]);
const WHEN_INCOMPLETE = new Set([
  ...WHEN_ENDED,
  "cancel_at_period_end",
  "default_payment_method",
  "description",
  "missing_payment_method",
  "payment_behavior",
  "payment_settings",
  "proration_behavior",
]);
const OF_A_RUN = ["billing_cycle_anchor", "trial_end"];
const OF_THE_SCHEDULE = ["cancel_at", "cancel_at_period_end"];

/** Refuses what can no longer, or not yet, be changed, and what a schedule decides. */
export function assertMayChange({ schedule, status }: Subscription, changes: object): void {
  const names = Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (isFinal("subscription", status) && !names.every((name) => WHEN_ENDED.has(name))) {
    throw invalidRequest("A canceled subscription can only update its cancellation_details and metadata.", {
      code: "invalid_canceled_subscription_fields",
    });
  }
  const early = status === "incomplete" ? names.find((name) => !WHEN_INCOMPLETE.has(name)) : undefined;
  if (early) {
    throw invalidRequest(
      `This subscription's status is incomplete: its \`${early}\` cannot be updated before its first invoice has been paid.`,
      { param: early },
    );
  }
  const paused = status === "paused" ? names.find((name) => OF_A_RUN.includes(name)) : undefined;
  if (paused) {
    throw invalidRequest(`The \`${paused}\` of a paused subscription cannot be updated: resume it first.`, {
      param: paused,
    });
  }
  if (schedule && names.some((name) => OF_THE_SCHEDULE.includes(name))) {
    throw invalidRequest(
      `The subscription is managed by the subscription schedule \`${schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
    );
  }
}

/** The fields that such changes make different. */
export function plainPatch(
  tx: Transaction,
  before: Subscription,
  changes: PlainChanges,
): Partial<Subscription> {
  const { cancellation, discountIds, metadata, missing_payment_method, payment_settings } = changes;
  const { collection_method, default_payment_method, description, pause_collection } = changes;
  const end = endPatch(tx, before, changes);
  const details = end.cancellation_details ?? before.cancellation_details;
  return {
    ...(description !== undefined && { description }),
    ...(default_payment_method !== undefined && { default_payment_method }),
    ...(metadata !== undefined && { metadata: withMetadata(before.metadata, metadata) }),
    ...(discountIds && { discounts: discountIds }),
    ...(pause_collection !== undefined && { pause_collection }),
    ...(payment_settings && { payment_settings: { ...before.payment_settings!, ...payment_settings } }),
    ...(missing_payment_method && {
      trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method } },
    }),
    ...(collection_method && {
      collection_method,
      days_until_due: collection_method === "send_invoice" ? before.days_until_due : null,
    }),
    ...(changes.days_until_due !== undefined && { days_until_due: changes.days_until_due }),
    ...end,
    ...(cancellation && details && { cancellation_details: { ...details, ...cancellation } }),
  };
}

function endPatch(
  tx: Transaction,
  before: Subscription,
  { cancel_at, cancel_at_period_end }: PlainChanges,
): Partial<Subscription> {
  if (cancel_at !== undefined && cancel_at_period_end) {
    throw invalidRequest("You may only specify one of these parameters: cancel_at, cancel_at_period_end.", {
      param: "cancel_at",
      code: "parameters_exclusive",
    });
  }
  if (cancel_at !== undefined) {
    const at = cancel_at === null ? null : cancelMoment(tx, cancel_at, before.items.data);
    return at === before.cancel_at ? {} : { ...ending(tx, at), cancel_at_period_end: false };
  }
  if (cancel_at_period_end === undefined || cancel_at_period_end === before.cancel_at_period_end) return {};
  return { ...ending(tx, cancel_at_period_end ? periodEnd(before) : null), cancel_at_period_end };
}

function ending(tx: Transaction, at: number | null): Partial<Subscription> {
  return {
    cancel_at: at,
    canceled_at: at === null ? null : tx.now,
    cancellation_details: {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: at === null ? null : "cancellation_requested",
    },
  };
}
