import { moveCustomerBalance } from "../billing/customers/customer-balance.ts";
import { noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { currency, type Infer, integer, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type BalanceTransaction = Kinds["customer_balance_transaction"];

const createParams = {
  amount: required(integer()),
  currency: required(currency),
  description: text({ max: 350 }),
  metadata,
};

function create(tx: Transaction, params: Infer<typeof createParams>, customer: string): BalanceTransaction {
  tx.need("customer", customer);
  return moveCustomerBalance(tx, customer, {
    type: "adjustment",
    amount: params.amount,
    currency: params.currency,
    description: params.description ?? null,
    metadata: withMetadata({}, params.metadata),
  });
}

/** A movement of this customer's balance. */
function needOwn(tx: Transaction, customer: string, id: string): BalanceTransaction {
  const movement = tx.need("customer_balance_transaction", id);
  if (movement.customer !== customer) throw noSuch("customer_balance_transaction", id);
  return movement;
}

const updateParams = { description: text({ max: 350 }), metadata };

function update(tx: Transaction, params: Infer<typeof updateParams>, before: BalanceTransaction) {
  return tx.update("customer_balance_transaction", before.id, {
    ...(params.description !== undefined && { description: params.description }),
    metadata: withMetadata(before.metadata ?? {}, params.metadata),
  });
}

const URL = "/v1/customers/:id/balance_transactions";

export const customerBalanceRoutes: Route[] = [
  route("POST", URL, createParams, (tx, params, { id = "" }) => create(tx, params, id)),
  route("GET", URL, { ...listParams, invoice: text() }, (tx, { invoice, ...params }, { id = "" }) => {
    tx.need("customer", id);
    const keep = (movement: BalanceTransaction) => !invoice || movement.invoice === invoice;
    const selection = {
      kind: "customer_balance_transaction" as const,
      url: `/v1/customers/${id}/balance_transactions`,
      where: { index: "customer" as const, key: id },
      keep,
    };
    return page(tx, selection, params);
  }),
  route("GET", `${URL}/:movement`, {}, (tx, _params, { id = "", movement = "" }) =>
    needOwn(tx, id, movement),
  ),
  route("POST", `${URL}/:movement`, updateParams, (tx, params, { id = "", movement = "" }) =>
    update(tx, params, needOwn(tx, id, movement)),
  ),
];
