import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { createSetupIntent } from "../payments/setup-intents.ts";
import { defaultMethod } from "./invoices.ts";

type Subscription = Kinds["subscription"];

/**
 * Where nothing is due at first and nobody can be charged later, a setup intent lets the customer
 * give a method (`pending_setup_intent`).
 * https://docs.stripe.com/billing/subscriptions/overview#non-payment
 */
export function askForMethod(tx: Transaction, subscription: Subscription): void {
  const { collection_method, customer, id, status } = subscription;
  if (status === "incomplete" || collection_method === "send_invoice") return;
  if (defaultMethod(tx, subscription)) return;
  const { id: pending_setup_intent } = createSetupIntent(tx, { customer });
  tx.update("subscription", id, { pending_setup_intent }, "customer.subscription.updated");
}

/** The method has been given: the subscription is charged to it from now on. */
export function subscriptionSetUp(tx: Transaction, setup: Kinds["setup_intent"]): void {
  const subscription = tx.find("subscription", "pending_setup_intent", setup.id);
  if (!subscription) return;
  const patch = { pending_setup_intent: null, default_payment_method: setup.payment_method };
  tx.update("subscription", subscription.id, patch, "customer.subscription.updated");
}
