import { premium, type TestSandbox } from "../support/sandbox.ts";

/** What a customer does in the billing portal. */
export async function portalSessions(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const price = await premium(stripe);
  const configuration = await stripe.billingPortal.configurations.create({
    features: {
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: "at_period_end" },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ["price", "quantity"],
        products: [
          {
            product: String(price.product),
            prices: [price.id],
            adjustable_quantity: { enabled: true, minimum: 1, maximum: 5 },
          },
        ],
      },
    },
  });
  const customer = await stripe.customers.create({ email: "portal@example.com" });
  const visit = async (act: string, body: object, flow_data?: { type: "payment_method_update" }) => {
    const session = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
      return_url: "http://shop.test/account",
      expand: ["configuration"],
      ...(flow_data && { flow_data }),
    });
    await box.control(`/portal/sessions/${session.id}/${act}`, body);
  };
  await visit("payment_method", { payment_method: "pm_card_visa" }, { type: "payment_method_update" });
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
  });
  await visit("update", { quantity: 2 });
  await visit("cancel", { feedback: "other" });
  await stripe.billingPortal.sessions
    .create({
      customer: customer.id,
      configuration: configuration.id,
      flow_data: { type: "subscription_cancel", subscription_cancel: { subscription: id } },
    })
    .catch(() => {});
  await visit("resume", {});
}
