import type Stripe from "stripe";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { page, pageParams } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { flag, type Infer, list, required, text, unsettable, webUrl } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type Endpoint = Kinds["webhook_endpoint"];

const events = list(text({ pattern: /^(\*|[a-z_.0-9]+)$/ }));

const createParams = {
  api_version: text({ pattern: /^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/ }),
  connect: flag,
  description: unsettable(text()),
  enabled_events: required(events),
  metadata,
  url: required(webUrl),
};

const updateParams = {
  description: unsettable(text()),
  disabled: flag,
  enabled_events: events,
  metadata,
  url: webUrl,
};

function create(tx: Transaction, params: Infer<typeof createParams>): Endpoint {
  const { webhookSecrets } = tx.environment;
  const endpoint = tx.insert("webhook_endpoint", {
    id: newId("we"),
    object: "webhook_endpoint",
    api_version: params.api_version ?? null,
    application: null,
    created: tx.now,
    description: params.description ?? null,
    enabled_events: params.enabled_events,
    livemode: false,
    metadata: withMetadata({}, params.metadata),
    secret: webhookSecrets[0] ?? newId("whsec"),
    status: "enabled",
    url: params.url,
  });
  return endpoint;
}

/** The secret is told once, when the endpoint is created. */
function shown({ secret: _, ...endpoint }: Endpoint): Endpoint {
  return endpoint;
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Endpoint {
  const { disabled, metadata, ...plain } = params;
  const before = tx.need("webhook_endpoint", id);
  return tx.update("webhook_endpoint", id, {
    ...plain,
    ...(disabled !== undefined && { status: disabled ? "disabled" : "enabled" }),
    metadata: withMetadata(before.metadata, metadata),
  });
}

function remove(tx: Transaction, id: string): Stripe.DeletedWebhookEndpoint {
  tx.need("webhook_endpoint", id);
  tx.remove("webhook_endpoint", id);
  tx.remove("rolled_secrets", id);
  return { id, object: "webhook_endpoint", deleted: true };
}

export const webhookEndpointRoutes: Route[] = [
  route("POST", "/v1/webhook_endpoints", createParams, create),
  route("GET", "/v1/webhook_endpoints", pageParams, (tx, params) => {
    const found = page(tx, { kind: "webhook_endpoint", url: "/v1/webhook_endpoints" }, params);
    return { ...found, data: found.data.map(shown) };
  }),
  route("GET", "/v1/webhook_endpoints/:id", {}, (tx, _params, { id = "" }) =>
    shown(tx.need("webhook_endpoint", id)),
  ),
  route("POST", "/v1/webhook_endpoints/:id", updateParams, (tx, params, { id = "" }) =>
    shown(update(tx, params, id)),
  ),
  route("DELETE", "/v1/webhook_endpoints/:id", {}, (tx, _params, { id = "" }) => remove(tx, id)),
];
