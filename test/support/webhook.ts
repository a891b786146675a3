import Stripe from "stripe";
import { type TestService, WEBHOOK_SECRET } from "./service.ts";

/** An event as Stripe sends it, about an object that need not exist. */
export function eventOf(type: string, object: object, more: object = {}) {
  return {
    id: `evt_${Math.random().toString(36).slice(2)}${Date.now()}`,
    object: "event",
    type,
    api_version: "2026-10-28.endive",
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object },
    pending_webhooks: 1,
    request: null,
    ...more,
  };
}

/** The header that Stripe would send along; `at` in seconds. */
export function signatureOf(
  body: string,
  secret = WEBHOOK_SECRET,
  at = Math.floor(Date.now() / 1000),
): string {
  return Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at });
}

/** Delivers a body to the webhook route, signed unless told otherwise. */
export function deliver(
  service: Pick<TestService, "url">,
  body: string,
  signature: string | null = signatureOf(body),
): Promise<Response> {
  return fetch(`${service.url}/webhooks/stripe`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(signature !== null && { "stripe-signature": signature }),
    },
    body,
  });
}
