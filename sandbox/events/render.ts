import type Stripe from "stripe";
import type { StoredEvent, Wire } from "../kinds.ts";
import type { Store } from "../store.ts";
import type { Transaction } from "../transaction.ts";

/** The version of Stripe's API that the sandbox speaks. */
export const API_VERSION = "2026-10-28.endive";

/** The event as Stripe shows it; `pending_webhooks` counts the deliveries not acknowledged. */
export function renderEvent(
  store: Store | Transaction,
  event: StoredEvent,
  apiVersion = API_VERSION,
): Wire<Stripe.EventBase> & Pick<StoredEvent, "type" | "data"> {
  let pending = 0;
  for (const delivery of store.newest("delivery", { index: "event", key: event.id })) {
    if (delivery.state === "pending" || delivery.state === "failed") pending += 1;
  }
  return {
    id: event.id,
    object: "event",
    api_version: apiVersion,
    created: event.created,
    data: event.data,
    livemode: false,
    pending_webhooks: pending,
    request: event.request,
    type: event.type,
  };
}
