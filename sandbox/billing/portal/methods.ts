import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { detach } from "../customers/method-changes.ts";
import { confirmSetup, createSetupIntent, setupRefusal } from "../payments/setup-intents.ts";
import { assertFeature, liveSubscriptions, ownMethod, type Portal } from "./portal.ts";

type Method = Kinds["payment_method"];
type SetupIntent = Kinds["setup_intent"];

/**
 * Adds a method, which is what is paid with from now on. Look at the status of what comes back: a card
 * may ask its holder first. Throws 402 for a refused one.
 */
export function addMethod(
  tx: Transaction,
  portal: Portal,
  method: Method,
  returnUrl: string | null = null,
): SetupIntent {
  assertFeature(portal, "payment_method_update");
  const intent = createSetupIntent(tx, {
    customer: portal.customer.id,
    payment_method_types: [method.type],
  });
  tx.insert("portal_setup", { id: intent.id, session: portal.session.id });
  const after = confirmSetup(tx, intent, method, { returnUrl });
  if (after.status === "requires_payment_method") throw setupRefusal(after);
  followPortalSetup(tx, after);
  return after;
}

/** Draws the consequences of what became of a setup, if it was begun in the portal. */
export function followPortalSetup(tx: Transaction, intent: SetupIntent): void {
  if (intent.status === "succeeded" && tx.get("portal_setup", intent.id))
    payWith(tx, intent.customer!, intent.payment_method!);
}

/** Pays with another of the customer's methods from now on. */
export function makeDefault(tx: Transaction, portal: Portal, id: string): Method {
  assertFeature(portal, "payment_method_update");
  const method = ownMethod(tx, portal, id);
  payWith(tx, portal.customer.id, method.id);
  return tx.need("payment_method", id);
}

/** Takes one of the customer's methods away. */
export function removeMethod(tx: Transaction, portal: Portal, id: string): Method {
  assertFeature(portal, "payment_method_update");
  return detach(tx, ownMethod(tx, portal, id).id);
}

/** The customer's default, and the method of every subscription that has one of its own. */
function payWith(tx: Transaction, id: string, method: string): void {
  const customer = tx.need("customer", id, "customer");
  if (customer.invoice_settings.default_payment_method !== method) {
    const invoice_settings = { ...customer.invoice_settings, default_payment_method: method };
    tx.update("customer", id, { invoice_settings }, "customer.updated");
  }
  for (const subscription of liveSubscriptions(tx, id)) {
    const { default_payment_method: own } = subscription;
    if (own === null || own === method) continue;
    const patch = { default_payment_method: method };
    tx.update("subscription", subscription.id, patch, "customer.subscription.updated");
  }
}
