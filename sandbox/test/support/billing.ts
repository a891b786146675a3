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

/** The payment intent that is to pay an invoice, or has; undefined for one without any. */
export async function intentOf(
  { stripe }: TestSandbox,
  invoice: string,
): Promise<Stripe.PaymentIntent | undefined> {
  const [payment] = (await stripe.invoicePayments.list({ invoice })).data;
  return payment && stripe.paymentIntents.retrieve(String(payment.payment.payment_intent));
}
