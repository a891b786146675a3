import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Invoice, InvoiceLine, InvoicePayment } from "../entities/invoice.ts";
import { Subscription } from "../entities/subscription.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { InvoiceStatus } from "../types/enums.ts";
import { mirror } from "./mirror.ts";
import type { Journey } from "./road.ts";
import { currencyOf, idOf, instantOf, wordOf } from "./values.ts";

type OwnerOf = (stripeCustomerId: string | null) => Promise<string | null>;

interface RemoteInvoice {
  invoice: Stripe.Invoice;
  lines: Stripe.InvoiceLineItem[];
}

/** An invoice with its lines and its links to payments; a paid one moves its subscription's access. */
export function invoiceJourney(stripe: StripeGateway, id: string, ownerOf: OwnerOf): Journey<RemoteInvoice> {
  return {
    objectId: id,
    async read() {
      const invoice = await stripe.invoice(id);
      return invoice && { invoice, lines: await stripe.invoiceLines(invoice) };
    },
    owner: ({ invoice }) => ownerOf(idOf(invoice.customer)),
    async write({ invoice, lines }, write) {
      const { tx, userId } = write;
      const subscriptionId = subscriptionOf(invoice);
      const change = await mirror(
        tx,
        Invoice,
        { stripeInvoiceId: invoice.id },
        {
          userId,
          stripeSubscriptionId: subscriptionId,
          ...columnsOf(invoice),
        },
      );
      write.audit("invoices", change.row.id, change);
      await writeLines(tx, invoice.id, lines);
      await writeInvoicePayments(tx, invoice.payments?.data ?? []);
      await tx.flush();
      const subscription =
        subscriptionId && (await tx.findOne(Subscription, { stripeSubscriptionId: subscriptionId }));
      if (subscription) await write.access.followSubscription(write, subscription);
    },
  };
}

/** The subscription that an invoice bills; null for one made by hand. */
export function subscriptionOf(invoice: Stripe.Invoice): string | null {
  return idOf(invoice.parent?.subscription_details?.subscription);
}

function columnsOf(invoice: Stripe.Invoice) {
  const taxes = invoice.total_taxes ?? [];
  return {
    number: invoice.number ?? null,
    status: wordOf<InvoiceStatus>(invoice.status ?? "draft"),
    currency: currencyOf(invoice.currency),
    subtotalMinor: invoice.subtotal,
    taxMinor: taxes.reduce((sum, tax) => sum + tax.amount, 0),
    totalMinor: invoice.total,
    amountPaidMinor: invoice.amount_paid,
    amountDueMinor: invoice.amount_due,
    periodStart: instantOf(invoice.period_start),
    periodEnd: instantOf(invoice.period_end),
    issuedAt: instantOf(invoice.status_transitions.finalized_at),
    paidAt: instantOf(invoice.status_transitions.paid_at),
    stripeCreatedAt: instantOf(invoice.created) as Date,
  };
}

async function writeLines(
  tx: EntityManager,
  invoiceId: string,
  lines: Stripe.InvoiceLineItem[],
): Promise<void> {
  const ids = lines.map((line) => line.id);
  await tx.nativeDelete(InvoiceLine, { stripeInvoiceId: invoiceId, stripeLineId: { $nin: ids } });
  for (const [position, line] of lines.entries())
    await mirror(
      tx,
      InvoiceLine,
      { stripeLineId: line.id },
      {
        stripeInvoiceId: invoiceId,
        stripeSubscriptionId: idOf(line.parent?.subscription_item_details?.subscription ?? line.subscription),
        position,
        description: line.description ?? "",
        quantity: line.quantity ?? null,
        amountMinor: line.amount,
        currency: currencyOf(line.currency),
        periodStart: instantOf(line.period?.start),
        periodEnd: instantOf(line.period?.end),
      },
    );
}

/** Links invoices to payment intents; the payment's sync writes the same rows from its side. */
export async function writeInvoicePayments(tx: EntityManager, links: Stripe.InvoicePayment[]): Promise<void> {
  for (const link of links) {
    const paymentIntent = idOf(link.payment.payment_intent);
    if (!paymentIntent) continue;
    await mirror(
      tx,
      InvoicePayment,
      { stripeInvoicePaymentId: link.id },
      {
        stripeInvoiceId: idOf(link.invoice) as string,
        stripePaymentIntentId: paymentIntent,
        status: link.status,
      },
    );
  }
}
