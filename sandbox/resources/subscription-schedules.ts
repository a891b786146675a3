import type { Schedule } from "../billing/schedules/phases.ts";
import {
  cancelSchedule,
  createSchedule,
  releaseSchedule,
  scheduleOf,
  updateSchedule,
} from "../billing/schedules/schedules.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { listParams, page } from "../list.ts";
import { withMetadata } from "../metadata.ts";
import { flag, type Infer, notYet, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { firstStart, phases, settings } from "./schedule-input.ts";
import { createParams, updateParams } from "./schedule-params.ts";

const URL = "/v1/subscription_schedules";

function create(tx: Transaction, params: Infer<typeof createParams>): Schedule {
  const { from_subscription, metadata } = params;
  if (from_subscription) return takeOver(tx, params, from_subscription);
  if (!params.customer) {
    throw invalidParameter("customer", "Missing required param: customer.", "parameter_missing");
  }
  const customer = tx.need("customer", params.customer, "customer");
  const start = params.start_date === "now" ? tx.now : (params.start_date ?? tx.now);
  if (start < tx.now) {
    throw invalidParameter("start_date", "The sandbox does not start schedules in the past yet.");
  }
  return createSchedule(tx, {
    customer: customer.id,
    phases: phases(tx, params.phases ?? [], start, customer),
    end_behavior: endBehavior(params.end_behavior),
    billing_mode: params.billing_mode?.type,
    default_settings: settings(tx, params.default_settings, undefined, customer.id),
    metadata: withMetadata({}, metadata),
  });
}

function takeOver(tx: Transaction, params: Infer<typeof createParams>, id: string): Schedule {
  const other = Object.keys(params).find((name) => name !== "from_subscription");
  if (other) {
    throw invalidParameter(other, `You cannot set \`${other}\` if \`from_subscription\` is set.`);
  }
  return scheduleOf(tx, tx.need("subscription", id, "from_subscription"));
}

/** `none` and `renew` are of older versions of the API. */
function endBehavior(given: "cancel" | "none" | "release" | "renew" | undefined) {
  if (given !== "none" && given !== "renew") return given;
  throw invalidRequest("Invalid end_behavior: must be one of cancel, or release", { param: "end_behavior" });
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Schedule {
  const schedule = tx.need("subscription_schedule", id);
  const customer = tx.need("customer", schedule.customer, "customer");
  return updateSchedule(tx, schedule, {
    phases: params.phases && phases(tx, params.phases, firstStart(tx, schedule, params.phases), customer),
    end_behavior: endBehavior(params.end_behavior),
    default_settings: settings(tx, params.default_settings, schedule.default_settings, customer.id),
    metadata: withMetadata(schedule.metadata ?? {}, params.metadata),
    proration_behavior: params.proration_behavior,
  });
}

const filters = {
  canceled_at: notYet(),
  completed_at: notYet(),
  customer: text(),
  customer_account: notYet(),
  released_at: notYet(),
  scheduled: flag,
};

function listSchedules(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { customer, scheduled } = params;
  const where = customer ? { index: "customer" as const, key: customer } : undefined;
  const keep = ({ status }: Schedule) => !scheduled || status === "not_started";
  return page(tx, { kind: "subscription_schedule", url: URL, where, keep }, params);
}

export const subscriptionScheduleRoutes: Route[] = [
  route("POST", URL, createParams, create),
  route("GET", URL, { ...listParams, ...filters }, listSchedules),
  route("GET", `${URL}/:id`, {}, (tx, _params, { id = "" }) => tx.need("subscription_schedule", id)),
  route("POST", `${URL}/:id`, updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("POST", `${URL}/:id/cancel`, { invoice_now: flag, prorate: flag }, (tx, params, { id = "" }) => {
    const { invoice_now = true, prorate = true } = params;
    const how = { invoicesNow: invoice_now, prorates: prorate };
    return cancelSchedule(tx, tx.need("subscription_schedule", id), how);
  }),
  route("POST", `${URL}/:id/release`, { preserve_cancel_date: flag }, (tx, params, { id = "" }) =>
    releaseSchedule(tx, tx.need("subscription_schedule", id), params.preserve_cancel_date ?? false),
  ),
];
