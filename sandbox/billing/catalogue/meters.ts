import { DAY_SECONDS } from "../../clock.ts";
import { invalidRequest, noSuch } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds, StoredMeterEvent } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

type Meter = Kinds["billing.meter"];

const UNIQUE_SECONDS = 24 * 3600;
const CANCELABLE_SECONDS = 24 * 3600;
const OLDEST_SECONDS = 35 * DAY_SECONDS;
const AHEAD_SECONDS = 300;

/** The active meter that events of this name are for. */
export function activeMeter(tx: Transaction, eventName: string): Meter | undefined {
  for (const meter of tx.newest("billing.meter", { index: "event_name", key: eventName })) {
    if (meter.status === "active") return meter;
  }
  return undefined;
}

function needActiveMeter(tx: Transaction, eventName: string): Meter {
  const meter = activeMeter(tx, eventName);
  if (meter) return meter;
  throw invalidRequest(`No active meter found for event name "${eventName}".`, { param: "event_name" });
}

interface MeterEventInput {
  event_name: string;
  payload: Record<string, string>;
  identifier?: string | undefined;
  timestamp?: number | undefined;
}

/** Takes note of usage. https://docs.stripe.com/api/billing/meter-event/create */
export function recordUsage(tx: Transaction, input: MeterEventInput): StoredMeterEvent["shown"] {
  const meter = needActiveMeter(tx, input.event_name);
  const customer = customerIn(tx, meter, input.payload);
  const now = momentFor(tx, customer);
  const timestamp = input.timestamp ?? now;
  assertTimely(timestamp, now);
  const value = valueIn(meter, input.payload);
  const identifier = input.identifier ?? newId("mtrevt");
  assertUnused(tx, identifier, now);
  const shown: StoredMeterEvent["shown"] = {
    object: "billing.meter_event",
    created: now,
    event_name: input.event_name,
    identifier,
    livemode: false,
    payload: input.payload,
    timestamp,
  };
  const id = newId("mtre");
  tx.insert("billing.meter_event", {
    id,
    shown,
    meter: meter.id,
    customer: customer.id,
    value,
    canceled: false,
  });
  return shown;
}

function customerIn(tx: Transaction, meter: Meter, payload: Record<string, string>): Kinds["customer"] {
  const key = meter.customer_mapping.event_payload_key;
  const id = payload[key];
  if (!id) throw missingKey(key);
  const customer = tx.get("customer", id);
  if (!customer) throw noSuch("customer", id, `payload[${key}]`);
  return customer;
}

/** A customer of a test clock uses things in that clock's time. */
function momentFor(tx: Transaction, { test_clock }: Kinds["customer"]): number {
  return test_clock ? tx.need("test_helpers.test_clock", test_clock).frozen_time : tx.now;
}

function assertTimely(timestamp: number, now: number): void {
  if (timestamp < now - OLDEST_SECONDS) {
    throw invalidRequest("Timestamp must be within the past 35 calendar days.", { param: "timestamp" });
  }
  if (timestamp > now + AHEAD_SECONDS) {
    throw invalidRequest("Timestamp must be no more than 5 minutes in the future.", { param: "timestamp" });
  }
}

/** Whole numbers only; how often something happened needs none. */
function valueIn(meter: Meter, payload: Record<string, string>): number {
  if (meter.default_aggregation.formula === "count") return 1;
  const key = meter.value_settings.event_payload_key;
  const text = payload[key];
  if (text === undefined) throw missingKey(key);
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw invalidRequest(`Invalid value in the payload: ${text} is not a whole number.`, {
    param: `payload[${key}]`,
  });
}

const missingKey = (key: string) =>
  invalidRequest(`The payload is missing the key \`${key}\`, which the meter reads.`, {
    param: `payload[${key}]`,
    code: "parameter_missing",
  });

function assertUnused(tx: Transaction, identifier: string, now: number): void {
  const earlier = tx.find("billing.meter_event", "identifier", identifier);
  if (!earlier || now - earlier.shown.created >= UNIQUE_SECONDS) return;
  throw invalidRequest(`An event already exists with identifier ${identifier}.`, { param: "identifier" });
}

/** Takes one event back. https://docs.stripe.com/api/billing/meter-event-adjustment/create */
export function cancelUsage(tx: Transaction, eventName: string, identifier: string): void {
  needActiveMeter(tx, eventName);
  const event = tx.find("billing.meter_event", "identifier", identifier);
  if (event?.shown.event_name !== eventName) {
    throw noSuch("meter event", identifier, "cancel[identifier]");
  }
  const now = momentFor(tx, tx.need("customer", event.customer, "customer"));
  if (now - event.shown.created > CANCELABLE_SECONDS) {
    throw invalidRequest("You can only cancel events within 24 hours of Stripe receiving them.", {
      param: "cancel[identifier]",
    });
  }
  if (event.canceled) {
    throw invalidRequest(`The event with identifier ${identifier} is already canceled.`, {
      param: "cancel[identifier]",
    });
  }
  tx.update("billing.meter_event", event.id, { canceled: true });
}

/** What a customer used between `start` (inclusive) and `end` (exclusive), oldest first. */
export function usageBetween(
  tx: Transaction,
  meter: Meter,
  customer: string,
  { start, end }: { start: number; end: number },
): StoredMeterEvent[] {
  const where = { index: "usage" as const, key: `${meter.id} ${customer}` };
  return [...tx.oldest("billing.meter_event", where)]
    .filter(({ canceled, shown }) => !canceled && shown.timestamp >= start && shown.timestamp < end)
    .sort((a, b) => a.shown.timestamp - b.shown.timestamp);
}

/** Events as the meter adds them up. */
export function aggregate(meter: Meter, events: StoredMeterEvent[]): number {
  if (meter.default_aggregation.formula === "last") return events.at(-1)?.value ?? 0;
  return events.reduce((sum, event) => sum + event.value, 0);
}

/**
 * The quantity to bill a customer for the time from `start` (inclusive) to `end` (exclusive): never
 * negative. https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api
 */
export function usageOf(
  tx: Transaction,
  meterId: string,
  customer: string,
  start: number,
  end: number,
): number {
  const meter = tx.need("billing.meter", meterId, "meter");
  return Math.max(0, aggregate(meter, usageBetween(tx, meter, customer, { start, end })));
}
