import type Stripe from "stripe";
import { newId } from "../ids.ts";
import type { Delivery, Kinds, StoredEvent } from "../kinds.ts";
import { testClockOf } from "../moment.ts";
import type { Transaction } from "../transaction.ts";
import { previousAttributes } from "./previous-attributes.ts";

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
  tx.insert("event", event);
  for (const endpoint of tx.oldest("webhook_endpoint")) {
    if (wants(endpoint, type)) addDelivery(tx, event.id, endpoint.id);
  }
}

/** A detached method shows no customer any more: whose it was is told as `*.updated` tells what was before. */
const tellsBefore = (type: Stripe.Event["type"]) =>
  type.endsWith("updated") || type === "payment_method.detached";

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
