import { randomText } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

/** What new intents, of payments and of setups, have in common. */
export const newIntentRow = (tx: Transaction, id: string) => ({
  allowed_payment_method_types: null,
  application: null,
  automatic_payment_methods: null,
  cancellation_reason: null,
  client_secret: `${id}_secret_${randomText(25)}`,
  created: tx.now,
  customer: null,
  customer_account: null,
  description: null,
  excluded_payment_method_types: null,
  livemode: false,
  managed_payments: null,
  metadata: {},
  next_action: null,
  on_behalf_of: null,
  payment_method: null,
  payment_method_configuration_details: null,
});

/** An intent waits for a method first, or, with one, to be confirmed. */
export const firstStatus = (method: string | null | undefined) =>
  method ? ("requires_confirmation" as const) : ("requires_payment_method" as const);

/** Where a holder answers 3-D Secure for an intent, and goes from there. */
export function challenge(
  tx: Transaction,
  id: string,
  returnUrl: string | null,
): NonNullable<Kinds["setup_intent"]["next_action"]> {
  const url = `${tx.environment.baseUrl}/3ds/${id}`;
  return { type: "redirect_to_url", redirect_to_url: { url, return_url: returnUrl } };
}
