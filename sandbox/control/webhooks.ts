import { MAX_OVERLAP_SECONDS, rollSecret } from "../events/secrets.ts";
import { type HttpReply, json } from "../http.ts";
import { number, text } from "../params.ts";
import type { World } from "../world.ts";
import { action, type ControlRoute, control } from "./route.ts";

const MAX_OVERLAP_HOURS = MAX_OVERLAP_SECONDS / 3600;

/** Deliveries, and the secrets that sign them. */
export const webhookPaths: ControlRoute[] = [
  // A new secret; the old one signs along for a while.
  action(
    "webhook_endpoints/:id/roll",
    { expire_hours: number({ min: 0, max: MAX_OVERLAP_HOURS }) },
    (tx, id, { expire_hours = MAX_OVERLAP_HOURS }) =>
      rollSecret(tx, tx.need("webhook_endpoint", id), tx.ownNow + Math.round(expire_hours * 3600)),
  ),
  control("GET", "deliveries", { event: text() }, (world, { event }) => listDeliveries(world, event)),
  // Once more to every endpoint that had it, or would have it now.
  control("POST", "events/:id/resend", {}, (world, _params, id) =>
    json(200, { deliveries: world.deliverer.resend(id).map((delivery) => delivery.id) }),
  ),
];

const LISTED = 1000;

/** The latest, oldest first, with their attempts; of one event when that is given. */
function listDeliveries(world: World, event: string | undefined): HttpReply {
  const where = event === undefined ? undefined : { index: "event" as const, key: event };
  const deliveries: object[] = [];
  for (const delivery of world.store.newest("delivery", where)) {
    if (deliveries.length === LISTED) break;
    deliveries.push({ ...delivery, type: world.store.get("event", delivery.event)?.type ?? null });
  }
  return json(200, { deliveries: deliveries.reverse() });
}
