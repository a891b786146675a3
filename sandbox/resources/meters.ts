import { createHash } from "node:crypto";
import {
  activeMeter,
  aggregate,
  cancelUsage,
  recordUsage,
  usageBetween,
} from "../billing/catalogue/meters.ts";
import { DAY_SECONDS } from "../clock.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds, StoredMeterEvent } from "../kinds.ts";
import { page, pageOf, pageParams } from "../list.ts";
import { type Infer, map, object, oneOf, required, text, timestamp } from "../params.ts";
import { type Route, route } from "../router.ts";
import { next } from "../states.ts";
import type { Transaction } from "../transaction.ts";

type Meter = Kinds["billing.meter"];

const URL = "/v1/billing/meters";
const name = text({ max: 100 });

const createParams = {
  customer_mapping: object({ event_payload_key: required(name), type: required(oneOf("by_id")) }),
  default_aggregation: required(object({ formula: required(oneOf("count", "last", "sum")) })),
  display_name: required(text({ max: 250 })),
  event_name: required(name),
  event_time_window: oneOf("day", "hour"),
  value_settings: object({ event_payload_key: required(name) }),
};

function assertOnlyActive(tx: Transaction, eventName: string): void {
  const other = activeMeter(tx, eventName);
  if (!other) return;
  throw invalidRequest(`An active meter (${other.id}) already exists for the event name \`${eventName}\`.`, {
    param: "event_name",
  });
}

function create(tx: Transaction, params: Infer<typeof createParams>): Meter {
  assertOnlyActive(tx, params.event_name);
  const meter = tx.insert("billing.meter", {
    id: newId("mtr_test"),
    object: "billing.meter",
    created: tx.now,
    customer_mapping: params.customer_mapping ?? { event_payload_key: "stripe_customer_id", type: "by_id" },
    default_aggregation: params.default_aggregation,
    display_name: params.display_name,
    event_name: params.event_name,
    event_time_window: params.event_time_window ?? null,
    livemode: false,
    status: "active",
    status_transitions: { deactivated_at: null },
    updated: tx.now,
    value_settings: params.value_settings ?? { event_payload_key: "value" },
  });
  tx.emit("billing.meter.created", meter);
  return meter;
}

function turn(tx: Transaction, id: string, status: "active" | "inactive"): Meter {
  const before = tx.need("billing.meter", id);
  if (before.status === status) throw invalidRequest(`This meter is already ${status}.`);
  if (status === "active") assertOnlyActive(tx, before.event_name);
  const meter = tx.update("billing.meter", id, {
    status: next("billing.meter", before.status, status),
    status_transitions: { deactivated_at: status === "inactive" ? tx.now : null },
    updated: tx.now,
  });
  tx.emit(status === "active" ? "billing.meter.reactivated" : "billing.meter.deactivated", meter);
  return meter;
}

const WINDOW_SECONDS = { day: DAY_SECONDS, hour: 3600 };

const summaryParams = {
  ...pageParams,
  customer: required(text()),
  end_time: required(timestamp),
  start_time: required(timestamp),
  value_grouping_window: oneOf("day", "hour"),
};

/** The times must lie on minutes, or on the bounds of what is grouped by. */
function assertAligned(params: Infer<typeof summaryParams>): void {
  const { value_grouping_window: window, start_time, end_time } = params;
  for (const param of ["start_time", "end_time"] as const) {
    if (params[param] % (window ? WINDOW_SECONDS[window] : 60) !== 0) {
      throw invalidParameter(param, `${param} must be aligned with ${window ?? "minute"} boundaries.`);
    }
  }
  if (end_time <= start_time) throw invalidParameter("end_time", "end_time must be after start_time.");
}

/** One summary for the whole time, or one for each window that has events, the latest first. */
function summaries(tx: Transaction, params: Infer<typeof summaryParams>, id: string) {
  const meter = tx.need("billing.meter", id);
  assertAligned(params);
  const { customer, start_time, end_time, value_grouping_window: window } = params;
  tx.need("customer", customer, "customer");
  const events = usageBetween(tx, meter, customer, { start: start_time, end: end_time });
  const size = window ? WINDOW_SECONDS[window] : end_time - start_time;
  const indexOf = ({ shown }: StoredMeterEvent) => Math.floor((shown.timestamp - start_time) / size);
  const windows = window ? [...new Set(events.map(indexOf))].reverse() : [0];
  const rows = windows.map((at) => {
    const start = start_time + at * size;
    const inside = events.filter((event) => indexOf(event) === at);
    return {
      id: summaryId(`${id} ${customer} ${start} ${size}`),
      object: "billing.meter_event_summary" as const,
      aggregated_value: aggregate(meter, inside),
      end_time: start + size,
      livemode: false,
      meter: id,
      start_time: start,
    };
  });
  return pageOf(rows, `${URL}/${id}/event_summaries`, params);
}

/** The same summary has the same id, so that it can be a cursor. */
const summaryId = (of: string) => `mtrusg_test_${createHash("sha256").update(of).digest("hex").slice(0, 24)}`;

const adjustmentParams = {
  cancel: object({ identifier: text({ max: 100 }) }),
  event_name: required(name),
  type: required(oneOf("cancel")),
};

function adjust(tx: Transaction, { cancel, event_name, type }: Infer<typeof adjustmentParams>) {
  const identifier = cancel?.identifier;
  if (!identifier) {
    throw invalidParameter(
      "cancel[identifier]",
      "Missing required param: cancel[identifier].",
      "parameter_missing",
    );
  }
  cancelUsage(tx, event_name, identifier);
  return {
    object: "billing.meter_event_adjustment",
    cancel: { identifier },
    event_name,
    livemode: false,
    status: "complete",
    type,
  };
}

const eventParams = {
  event_name: required(name),
  identifier: text({ max: 100 }),
  payload: required(map(text({ max: 100 }))),
  timestamp,
};

/** https://docs.stripe.com/api/billing/meter */
export const meterRoutes: Route[] = [
  route("POST", URL, createParams, create),
  route("GET", URL, { ...pageParams, status: oneOf("active", "inactive") }, (tx, params) => {
    const keep = (meter: Meter) => !params.status || meter.status === params.status;
    return page(tx, { kind: "billing.meter", url: URL, keep }, params);
  }),
  route("GET", `${URL}/:id`, {}, (tx, _params, { id = "" }) => tx.need("billing.meter", id)),
  route("POST", `${URL}/:id`, { display_name: text({ max: 250 }) }, (tx, params, { id = "" }) =>
    tx.update("billing.meter", id, { ...params, updated: tx.now }, "billing.meter.updated"),
  ),
  route("POST", `${URL}/:id/deactivate`, {}, (tx, _params, { id = "" }) => turn(tx, id, "inactive")),
  route("POST", `${URL}/:id/reactivate`, {}, (tx, _params, { id = "" }) => turn(tx, id, "active")),
  route("GET", `${URL}/:id/event_summaries`, summaryParams, (tx, params, { id = "" }) =>
    summaries(tx, params, id),
  ),
  route("POST", "/v1/billing/meter_events", eventParams, recordUsage),
  route("POST", "/v1/billing/meter_event_adjustments", adjustmentParams, adjust),
];
