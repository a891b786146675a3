import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import type { Store } from "../store.ts";
import type { Environment, Transaction } from "../transaction.ts";

type Endpoint = Kinds["webhook_endpoint"];

/** How long the old secret may go on signing. https://docs.stripe.com/webhooks#roll-endpoint-secrets */
export const MAX_OVERLAP_SECONDS = 24 * 3600;

/** The secrets that sign a delivery to an endpoint: its own first, then those rolled but still valid at `now`. */
export function secretsOf(store: Store, environment: Environment, endpoint: Endpoint, now: number): string[] {
  const own = endpoint.secret ?? "";
  const { webhookSecrets } = environment;
  const current = own === webhookSecrets[0] ? webhookSecrets : [own];
  const rolled = store.get("rolled_secrets", endpoint.id)?.secrets ?? [];
  return [...new Set([...current, ...rolled.filter(({ until }) => until > now).map(({ secret }) => secret)])];
}

/** Gives an endpoint a new secret; the old one goes on signing until `until`. */
export function rollSecret(tx: Transaction, endpoint: Endpoint, until: number): Endpoint {
  const valid = (tx.get("rolled_secrets", endpoint.id)?.secrets ?? []).filter((old) => old.until > tx.ownNow);
  const secrets = [{ secret: endpoint.secret ?? "", until }, ...valid];
  tx.insert("rolled_secrets", { id: endpoint.id, secrets });
  return tx.update("webhook_endpoint", endpoint.id, { secret: newId("whsec") });
}
