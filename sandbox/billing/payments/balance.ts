import type Stripe from "stripe";
import { DAY_SECONDS } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Kinds, Wire } from "../../kinds.ts";
import { multiply } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";

type BalanceTransaction = Kinds["balance_transaction"];

const DAYS_PENDING = 2;

/** One movement of money, by what caused it. Amounts out of the balance are negative. */
interface Movement {
  type: BalanceTransaction["type"];
  reporting_category: string;
  amount: number;
  currency: string;
  /** The id of the charge, refund or dispute. */
  source: string;
  description: string | null;
  fee?: { amount: number; description: string };
}

/** What Stripe keeps of a charge in test mode: 2.9 % and 30 (cents). */
export function processingFee(amount: number): { amount: number; description: string } {
  return { amount: multiply("0.029", amount) + 30, description: "Stripe processing fees" };
}

/** Moves money in or out of the account's balance. Each currency has a balance of its own: nothing is converted. */
export function moveBalance(tx: Transaction, movement: Movement): BalanceTransaction {
  const { amount, currency, fee } = movement;
  return tx.insert("balance_transaction", {
    id: newId("txn"),
    object: "balance_transaction",
    amount,
    available_on: tx.now + DAYS_PENDING * DAY_SECONDS,
    balance_type: "payments",
    created: tx.now,
    currency,
    description: movement.description,
    exchange_rate: null,
    fee: fee?.amount ?? 0,
    fee_details: fee
      ? [
          {
            amount: fee.amount,
            application: null,
            currency,
            description: fee.description,
            type: "stripe_fee",
          },
        ]
      : [],
    net: amount - (fee?.amount ?? 0),
    reporting_category: movement.reporting_category,
    source: movement.source,
    status: "pending",
    type: movement.type,
  });
}

/** When the money of a movement becomes available; null once it is. */
export function availableAt({ status, available_on }: BalanceTransaction): number | null {
  return status === "pending" ? available_on : null;
}

/** Makes the money of a movement available. A dispute shows its movements whole: there, too. */
export function release(tx: Transaction, { id, source }: BalanceTransaction): void {
  const available = tx.update("balance_transaction", id, { status: "available" });
  const dispute = tx.get("dispute", source ?? "");
  if (!dispute) return;
  const balance_transactions = dispute.balance_transactions.map((one) => (one.id === id ? available : one));
  tx.update("dispute", dispute.id, { balance_transactions });
}

/** The account's balance, each currency by itself. https://docs.stripe.com/api/balance */
export function balance(tx: Transaction): Wire<Stripe.Balance> {
  const sums: Record<"available" | "pending", Map<string, number>> = {
    available: new Map(),
    pending: new Map(),
  };
  for (const { currency, net, status } of tx.oldest("balance_transaction")) {
    const of = sums[status === "available" ? "available" : "pending"];
    of.set(currency, (of.get(currency) ?? 0) + net);
  }
  const shown = (of: Map<string, number>) =>
    [...new Set(["usd", ...sums.available.keys(), ...sums.pending.keys()])].map((currency) => {
      const amount = of.get(currency) ?? 0;
      return { amount, currency, source_types: { card: amount } };
    });
  return {
    object: "balance",
    available: shown(sums.available),
    livemode: false,
    pending: shown(sums.pending),
  };
}
