import type Stripe from "stripe";
import { Conflict } from "../errors.ts";
import { outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { idOf } from "../sync/values.ts";

/**
 * Voids an invoice, unless it has been paid meanwhile: nothing is ever taken back that somebody has paid for.
 * Returns whether nobody can pay it any more. @throws Conflict while a bank is working on it
 */
export async function voidUnpaid(stripe: StripeGateway, invoiceId: string, key: string): Promise<boolean> {
  if (isPayable(await stripe.invoice(invoiceId)))
    await stripe.subscriptions.voidInvoice(invoiceId, key).catch((error: unknown) => {
      if (outcomeOf(error) === "unknown") throw error;
    });
  const now = await stripe.invoice(invoiceId);
  if (isPayable(now))
    throw new Conflict("Your bank is still working on a payment. Try again when that has ended.");
  return now?.status !== "paid";
}

/** One that nobody expects to be paid any more can be paid all the same. */
const isPayable = (invoice: Stripe.Invoice | null) =>
  invoice?.status === "open" || invoice?.status === "uncollectible";

/** Gives an attempt up whose first payment was not made; one that has been paid meanwhile is left alone. */
export async function giveUp(stripe: StripeGateway, id: string, key: string): Promise<void> {
  const before = await stripe.subscription(id);
  const invoice = idOf(before?.latest_invoice);
  if (before?.status !== "incomplete") return;
  if (invoice && !(await voidUnpaid(stripe, invoice, `${key}:void`))) return;
  if ((await stripe.subscription(id))?.status === "incomplete") await stripe.subscriptions.cancel(id, {});
}
