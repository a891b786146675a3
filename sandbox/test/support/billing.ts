import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";

/** A draft over these amounts, one line each. */
export async function draftOf(
  box: TestSandbox,
  customer: string,
  amounts: number[],
  params: Partial<Stripe.InvoiceCreateParams> = {},
): Promise<Stripe.Invoice> {
  const draft = await box.stripe.invoices.create({ customer, currency: "usd", ...params });
  if (amounts.length === 0) return draft;
  return box.stripe.invoices.addLines(draft.id, { lines: amounts.map((amount) => ({ amount })) });
}

/** The types of the events since this many, in their order. */
export async function typesSince(box: TestSandbox, count: number): Promise<string[]> {
  return (await box.eventTypes()).slice(count);
}
