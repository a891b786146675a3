import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { newId } from "../ids.ts";
import type { Delivery, Kinds, StoredEvent } from "../kinds.ts";
import { testClockOf } from "../moment.ts";
import type { Transaction } from "../transaction.ts";
import { previousAttributes } from "./previous-attributes.ts";

/** Events can be read for 30 days. https://docs.stripe.com/api/events/list */
const READABLE_SECONDS = 30 * DAY_SECONDS;
/** Each event recorded lets go of so many old ones at most, so that none costs much. */
const CLEARED_AT_ONCE = 3;

/** Whether an event can still be asked for. */
export const isReadable = (tx: Transaction, event: StoredEvent): boolean =>
  tx.ownNow - event.recorded <= READABLE_SECONDS;

/**
 * Writes an event and one delivery for each endpoint that wants it, in the caller's transaction.
 * With `before`, an update that changed nothing is not told, and `*.updated` says what it was before.
 */
export function recordEvent(
  tx: Transaction,
  type: Stripe.Event["type"],
  object: { id: string },
  before?: { id: string },
): void {
  const previous = before && tellsBefore(type) && previousAttributes(before, object);
  if (previous && Object.keys(previous).length === 0) return;
  const event: StoredEvent = {
    id: newId("evt"),
    type,
    created: tx.now,
    recorded: testClockOf(tx, object) === null ? tx.now : tx.ownNow,
    data: previous ? { object, previous_attributes: previous } : { object },
    request: { id: tx.cause.id, idempotency_key: tx.cause.idempotencyKey },
  };
  forgetOldEvents(tx);
  tx.insert("event", event);
  for (const endpoint of tx.oldest("webhook_endpoint")) {
    if (wants(endpoint, type)) addDelivery(tx, event.id, endpoint.id);
  }
}

/** A detached method shows no customer any more: whose it was is told as `*.updated` tells what was before. */
const tellsBefore = (type: Stripe.Event["type"]) =>
  type.endsWith("updated") || type === "payment_method.detached";

/** Takes away the oldest events that nobody can read any more, with their deliveries, but for what is still on its way. */
function forgetOldEvents(tx: Transaction): void {
  const old: StoredEvent[] = [];
  for (const event of tx.oldest("event")) {
    if (isReadable(tx, event) || old.push(event) === CLEARED_AT_ONCE) break;
  }
  for (const { id } of old) {
    const deliveries = [...tx.oldest("delivery", { index: "event", key: id })];
    if (deliveries.some(({ state }) => state === "pending")) continue;
    for (const delivery of deliveries) tx.remove("delivery", delivery.id);
    tx.remove("event", id);
  }
}

/** Whether an endpoint is to get events of this type. */
export function wants(endpoint: Kinds["webhook_endpoint"], type: Stripe.Event["type"]): boolean {
  if (endpoint.status !== "enabled") return false;
  return endpoint.enabled_events.some((wanted) => wanted === "*" || wanted === type);
}

/** Puts an event on its way to an endpoint. */
export function addDelivery(tx: Transaction, event: string, endpoint: string): Delivery {
  return tx.insert("delivery", {
    id: newId("dlv"),
    event,
    endpoint,
    state: "pending",
    nextAttemptAt: 0,
    attempts: [],
  });
}
