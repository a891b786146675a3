import type Stripe from "stripe";
import type { TestSandbox } from "../support/sandbox.ts";
import { payer, priceOf } from "../support/subscribing.ts";

/** Subscriptions through the API: started, changed, paused, resumed, migrated and ended. */
export async function subscriptions(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const [price, other] = [await priceOf(box, 1200), await priceOf(box, 2400)];
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
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    billing_mode: { type: "classic" },
  });
  await changes(box, subscription, other);
  await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { items: [{ price: price.id, quantity: 2 }], proration_behavior: "always_invoice" },
    expand: ["discounts"],
  });
  await stripe.subscriptions.pause(subscription.id, { invoicing_behavior: "pending_invoice_item" });
  await stripe.subscriptions.resume(subscription.id, { billing_cycle_anchor: { type: "now" } });
  await stripe.subscriptions.migrate(subscription.id, { billing_mode: { type: "flexible" } });
  await items(box, subscription, other);
  await stripe.subscriptions.cancel(subscription.id, {
    prorate: true,
    invoice_now: true,
    cancellation_details: { feedback: "unused" },
  });
  await stripe.subscriptions.update(subscription.id, { description: "over" }).catch(() => {});
}

async function changes({ stripe }: TestSandbox, { id, items }: Stripe.Subscription, other: Stripe.Price) {
  await stripe.subscriptions.update(id, {
    items: [{ id: items.data[0]!.id, price: other.id, quantity: 2 }],
    proration_behavior: "always_invoice",
    payment_behavior: "pending_if_incomplete",
    expand: ["latest_invoice"],
  });
  await stripe.subscriptions.update(id, { pause_collection: { behavior: "void" }, metadata: { a: "b" } });
  await stripe.subscriptions.update(id, { pause_collection: "", cancel_at: "max_period_end" });
  await stripe.subscriptions.update(id, { cancel_at: "", billing_cycle_anchor: { type: "unchanged" } });
}

async function items(
  { stripe }: TestSandbox,
  { id: subscription }: Stripe.Subscription,
  other: Stripe.Price,
) {
  const { data } = await stripe.subscriptionItems.list({ subscription, expand: ["data.discounts"] });
  const product = String(other.product);
  const added = await stripe.subscriptionItems.create({
    subscription,
    price_data: { currency: "usd", product, unit_amount: 100, recurring: { interval: "month" } },
  });
  await stripe.subscriptionItems.update(added.id, { quantity: 3, proration_behavior: "none" });
  await stripe.subscriptionItems.retrieve(data[0]!.id, { expand: ["discounts"] });
  await stripe.subscriptionItems.del(added.id, { proration_behavior: "none" });
}
