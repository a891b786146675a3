import { invalidParameter, noSuch } from "../errors.ts";
import { isReadable } from "../events/record.ts";
import { renderEvent } from "../events/render.ts";
import type { StoredEvent } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { flag, type Infer, list, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

const MAX_TYPES = 20;

const filters = { delivery_success: flag, type: text(), types: list(text()) };

/** `charge.*` stands for every type that begins so. */
function isOfType(event: StoredEvent, wanted: string): boolean {
  return wanted.endsWith("*") ? event.type.startsWith(wanted.slice(0, -1)) : event.type === wanted;
}

function listEvents(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { delivery_success, type, types } = params;
  if (type && types) {
    const message = "You may only specify one of these parameters: type, types.";
    throw invalidParameter("types", message, "parameters_exclusive");
  }
  if (types && types.length > MAX_TYPES) {
    throw invalidParameter("types", `You may list at most ${MAX_TYPES} types.`);
  }
  const keep = (event: StoredEvent) =>
    isReadable(tx, event) &&
    (!type || isOfType(event, type)) &&
    (!types || types.includes(event.type)) &&
    (delivery_success === undefined || (renderEvent(tx, event).pending_webhooks === 0) === delivery_success);
  const where = type && !type.endsWith("*") ? { index: "type" as const, key: type } : undefined;
  const found = page(tx, { kind: "event", url: "/v1/events", where, keep }, params);
  return { ...found, data: found.data.map((event) => renderEvent(tx, event as StoredEvent)) };
}

export const eventRoutes: Route[] = [
  route("GET", "/v1/events", { ...listParams, ...filters }, listEvents),
  route("GET", "/v1/events/:id", {}, (tx, _params, { id = "" }) => {
    const event = tx.need("event", id);
    if (!isReadable(tx, event)) throw noSuch("event", id);
    return renderEvent(tx, event);
  }),
];
