import { balance } from "../billing/payments/balance.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { currency, notYet, text } from "../params.ts";
import { type Route, route } from "../router.ts";

const filters = { currency, payout: notYet(), source: text(), type: text() };

export const balanceRoutes: Route[] = [
  route("GET", "/v1/balance", {}, balance),
  route("GET", "/v1/balance_transactions", { ...listParams, ...filters }, (tx, params) => {
    const { currency, source, type } = params;
    const where = source ? { index: "source" as const, key: source } : undefined;
    const keep = (movement: Kinds["balance_transaction"]) =>
      (!currency || movement.currency === currency) && (!type || movement.type === type);
    return page(tx, { kind: "balance_transaction", url: "/v1/balance_transactions", where, keep }, params);
  }),
  route("GET", "/v1/balance_transactions/:id", {}, (tx, _params, { id = "" }) =>
    tx.need("balance_transaction", id),
  ),
];
