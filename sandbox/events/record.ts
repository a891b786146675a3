import type Stripe from "stripe";
import { newId } from "../ids.ts";
import type { StoredEvent } from "../kinds.ts";
import { testClockOf } from "../test-clocks.ts";
import type { Transaction } from "../transaction.ts";
import { previousAttributes } from "./previous-attributes.ts";

/**
 * Writes an event and one delivery for each endpoint that wants it, in the caller's transaction.
 * With `before`, an update that changed nothing is not told.
 */
export function recordEvent(
  tx: Transaction,
  type: Stripe.Event["type"],
  object: { id: string },
  before?: { id: string },
): void {
  const previous = before && previousAttributes(before, object);
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
    if (endpoint.status !== "enabled") continue;
    if (!endpoint.enabled_events.some((wanted) => wanted === "*" || wanted === type)) continue;
    tx.insert("delivery", {
      id: newId("dlv"),
      event: event.id,
      endpoint: endpoint.id,
      state: "pending",
      nextAttemptAt: 0,
      attempts: [],
    });
  }
}
