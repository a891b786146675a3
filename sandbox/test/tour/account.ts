import type { TestSandbox } from "../support/sandbox.ts";

/** The account and its webhook endpoints. */
export async function account({ stripe }: TestSandbox): Promise<void> {
  await stripe.accounts.retrieveCurrent();
  const endpoint = await stripe.webhookEndpoints.create({
    url: "http://127.0.0.1:9/none",
    enabled_events: ["invoice.paid"],
    api_version: "2026-10-28.endive",
    description: "tour",
  });
  await stripe.webhookEndpoints.update(endpoint.id, { metadata: { a: "b" }, enabled_events: ["*"] });
  await stripe.webhookEndpoints.retrieve(endpoint.id);
  await stripe.webhookEndpoints.list();
  await stripe.webhookEndpoints.del(endpoint.id);
}
