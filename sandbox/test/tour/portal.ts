import type { TestSandbox } from "../support/sandbox.ts";

/** The billing portal. */
export async function portal({ stripe }: TestSandbox): Promise<void> {
  const configuration = await stripe.billingPortal.configurations.create({
    business_profile: { headline: "Ours" },
    features: {
      customer_update: { enabled: true, allowed_updates: ["email"] },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: {
        enabled: true,
        mode: "at_period_end",
        cancellation_reason: { enabled: true, options: ["other"] },
      },
      subscription_update: { enabled: false, default_allowed_updates: "", products: "" },
    },
    metadata: { by: "setup" },
  });
  await stripe.billingPortal.configurations.update(configuration.id, {
    active: false,
    login_page: { enabled: true },
  });
  await stripe.billingPortal.configurations.retrieve(configuration.id);
  await stripe.billingPortal.configurations.list({ is_default: true });
}
