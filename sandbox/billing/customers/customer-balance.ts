import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

type BalanceTransaction = Kinds["customer_balance_transaction"];

/** One movement of a customer's balance. */
interface BalanceMovement {
  type: BalanceTransaction["type"];
  /** Below 0 it is credit for the customer, above 0 debt. */
  amount: number;
  currency: string;
  description?: string | null;
  metadata?: Record<string, string>;
  invoice?: string | null;
  credit_note?: string | null;
}

/**
 * What a customer owes (above 0) or has in credit (below 0) in a currency. `customer.balance` is in the
 * customer's own; others are what their movements have come to.
 */
export function balanceOf(tx: Transaction, customer: Kinds["customer"], currency: string): number {
  if ((customer.currency ?? currency) === currency) return customer.balance;
  for (const movement of tx.newest("customer_balance_transaction", { index: "customer", key: customer.id }))
    if (movement.currency === currency) return movement.ending_balance;
  return 0;
}

/** Moves a customer's balance, keeps the movement, and tells. https://docs.stripe.com/billing/customer/balance */
export function moveCustomerBalance(
  tx: Transaction,
  customer: string,
  movement: BalanceMovement,
): BalanceTransaction {
  const before = tx.need("customer", customer, "customer");
  const { amount, currency } = movement;
  const balance = balanceOf(tx, before, currency) + amount;
  if ((before.currency ?? currency) === currency)
    tx.update("customer", customer, { balance, currency }, "customer.updated");
  return keepMovement(tx, customer, movement, balance);
}

/** Keeps the movement of a balance that has been set by hand. */
export function keepMovement(
  tx: Transaction,
  customer: string,
  movement: BalanceMovement,
  ending_balance: number,
): BalanceTransaction {
  const { description = null, metadata = {}, invoice = null, credit_note = null } = movement;
  return tx.insert("customer_balance_transaction", {
    id: newId("cbtxn"),
    object: "customer_balance_transaction",
    amount: movement.amount,
    checkout_session: null,
    created: tx.now,
    credit_note,
    currency: movement.currency,
    customer,
    customer_account: null,
    description,
    ending_balance,
    invoice,
    livemode: false,
    metadata,
    type: movement.type,
  });
}

/** The balances in every currency that the customer has had one in. */
export function balances(tx: Transaction, customer: Kinds["customer"]): Record<string, number> {
  const movements = tx.newest("customer_balance_transaction", { index: "customer", key: customer.id });
  const currencies = new Set([...movements].map(({ currency }) => currency));
  return Object.fromEntries([...currencies].map((currency) => [currency, balanceOf(tx, customer, currency)]));
}
