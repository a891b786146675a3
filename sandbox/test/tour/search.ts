import type { TestSandbox } from "../support/sandbox.ts";

/** Every resource that can be searched, by a field of its own. */
export async function search({ stripe }: TestSandbox): Promise<void> {
  await stripe.charges.search({ query: "amount>1 AND status:'succeeded'", expand: ["data.customer"] });
  await stripe.customers.search({ query: 'email~"example"', limit: 2, expand: ["total_count"] });
  await stripe.invoices.search({ query: "total>0 OR status:'void'" });
  await stripe.paymentIntents.search({ query: "status:'succeeded'" });
  await stripe.prices.search({ query: "active:'true' -currency:'jpy'", expand: ["data.product"] });
  await stripe.products.search({ query: 'metadata["plan"]:"team"' });
  await stripe.subscriptions.search({ query: "status:'canceled'" });
}
