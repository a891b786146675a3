import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";

type BalanceTransaction = Kinds["customer_balance_transaction"];

/** One movement of a customer's balance. */
export interface BalanceMovement {
  type: BalanceTransaction["type"];
  /** Below 0 it is credit for the customer, above 0 debt. */
  amount: number;
  currency: string;
  description?: string | null;
  metadata?: Record<string, string>;
  invoice?: string | null;
  credit_note?: string | null;
}

/** Moves a customer's balance, keeps the movement, and tells. https://docs.stripe.com/billing/customer/balance */
export function moveBalance(
  tx: Transaction,
  customer: string,
  { description = null, metadata = {}, invoice = null, credit_note = null, ...movement }: BalanceMovement,
): BalanceTransaction {
  const before = tx.need("customer", customer, "customer");
  const ending_balance = before.balance + movement.amount;
  const patch = { balance: ending_balance, currency: before.currency ?? movement.currency };
  tx.update("customer", customer, patch, "customer.updated");
  return tx.insert("customer_balance_transaction", {
    id: newId("cbtxn"),
    object: "customer_balance_transaction",
    ...movement,
    checkout_session: null,
    created: tx.now,
    credit_note,
    customer,
    customer_account: null,
    description,
    ending_balance,
    invoice,
    livemode: false,
    metadata,
  });
}
