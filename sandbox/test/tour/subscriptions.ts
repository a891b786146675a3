import type { TestSandbox } from "../support/sandbox.ts";
import { payer, priceOf } from "../support/subscribing.ts";

/** Subscriptions through the API: started. */
export async function subscriptions(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const price = await priceOf(box, 1200);
  const customer = await payer(box);
  await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id, quantity: 2, metadata: { a: "b" } }],
    description: "Tour",
    payment_behavior: "default_incomplete",
    payment_settings: { save_default_payment_method: "on_subscription" },
    proration_behavior: "create_prorations",
    trial_settings: { end_behavior: { missing_payment_method: "pause" } },
    automatic_tax: { enabled: false },
    expand: ["latest_invoice.confirmation_secret", "pending_setup_intent"],
  });
}
