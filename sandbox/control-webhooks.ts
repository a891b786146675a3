import { invalidRequest } from "./errors.ts";
import { MAX_OVERLAP_SECONDS, rollSecret } from "./events/secrets.ts";
import { type HttpReply, json } from "./http.ts";
import type { World } from "./world.ts";

/** `POST /sandbox/webhook_endpoints/:id/roll`: a new secret; the old one signs along for a while. */
export function rollEndpointSecret(
  world: World,
  { expire_hours = 24 }: Record<string, unknown>,
  id: string,
): HttpReply {
  const overlap = Number(expire_hours) * 3600;
  if (!(overlap >= 0 && overlap <= MAX_OVERLAP_SECONDS)) {
    throw invalidRequest("expire_hours must be 0 to 24.", { param: "expire_hours" });
  }
  const endpoint = world.act(id, (tx) =>
    rollSecret(tx, tx.need("webhook_endpoint", id), tx.ownNow + Math.round(overlap)),
  );
  return json(200, endpoint);
}

/** `POST /sandbox/events/:id/resend`: once more to every endpoint that had it, or would have it now. */
export function resendEvent(world: World, _body: Record<string, unknown>, id: string): HttpReply {
  const deliveries = world.deliverer.resend(id);
  return json(200, { deliveries: deliveries.map((delivery) => delivery.id) });
}

const LISTED = 1000;

/** `GET /sandbox/deliveries`: the latest, oldest first, with their attempts; `?event=` those of one event. */
export function listDeliveries(world: World, { event }: Record<string, unknown>): HttpReply {
  const where = typeof event === "string" ? { index: "event" as const, key: event } : undefined;
  const deliveries: object[] = [];
  for (const delivery of world.store.newest("delivery", where)) {
    if (deliveries.length === LISTED) break;
    deliveries.unshift({ ...delivery, type: world.store.get("event", delivery.event)?.type ?? null });
  }
  return json(200, { deliveries });
}
