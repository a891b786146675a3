import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";

/** A customer who pays with this card by default. */
export async function payer(box: TestSandbox, card = "pm_card_visa"): Promise<Stripe.Customer> {
  return box.stripe.customers.create({
    email: "ada@example.com",
    payment_method: card,
    invoice_settings: { default_payment_method: card },
  });
}

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
