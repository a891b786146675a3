import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Invoice, InvoiceLine, InvoicePayment } from "../entities/invoice.ts";
import { Subscription } from "../entities/subscription.ts";
import { isOwed } from "../services/purchase-standing.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { InvoiceStatus } from "../types/enums.ts";
import { forget } from "./gone.ts";
import { flushForLooks } from "./look-ahead.ts";
import { findRow, mirror, mirrorAll, mirrorWhole } from "./mirror.ts";
import { followPurchase, type Ordered, purchaseOf } from "./purchase.ts";
import type { Journey, OwnerOf, Road } from "./road.ts";
import { currencyOf, idOf, instantOf, wordOf } from "./values.ts";
import type { Write } from "./write.ts";

export interface RemoteInvoice {
  invoice: Stripe.Invoice;
  lines: Stripe.InvoiceLineItem[];
  payments: Stripe.InvoicePayment[];
}

/** An invoice with its lines and its links to payments; a paid one moves its subscription's access. */
export function invoiceJourney(stripe: StripeGateway, id: string, ownerOf: OwnerOf): Journey<RemoteInvoice> {
  return {
    objectId: id,
    async read() {
      const invoice = await stripe.invoice(id);
      if (!invoice) return null;
      const [lines, payments] = await Promise.all([
        stripe.invoiceLines(invoice),
        stripe.paymentsOfInvoice(invoice),
      ]);
      return { invoice, lines, payments };
    },
    owner: ({ invoice }) =>
      ownerOf(idOf(invoice.customer), (em) => em.findOne(Invoice, { stripeInvoiceId: id })),
    async write({ invoice, lines, payments }, write) {
      const { tx, userId } = write;
      const subscriptionId = subscriptionOf(invoice);
      const purchaseId = subscriptionId ? null : await purchaseOf(write, orderedBy(invoice));
      const change = await mirror(
        tx,
        Invoice,
        { stripeInvoiceId: invoice.id },
        {
          userId,
          stripeSubscriptionId: subscriptionId,
          purchaseId,
          ...columnsOf(invoice),
        },
      );
      write.audit("invoices", change.row.id, change);
      await writeLines(tx, invoice.id, lines);
      await writeInvoicePayments(tx, payments);
      await flushForLooks(tx);
      const subscription =
        subscriptionId && (await findRow(tx, Subscription, { stripeSubscriptionId: subscriptionId }));
      if (subscription) write.follow(subscription);
      if (purchaseId) await followPurchase(write, purchaseId, { stripeInvoiceId: invoice.id });
    },
  };
}

/**
 * An invoice of a purchase that Stripe does not know (any more) is never paid: its row says so, and the order is over. A draft
 * of nothing is let go of: drafts alone can be deleted, nothing hangs on one, and a sync would bring it back.
 */
export async function invoiceIsGone(em: EntityManager, road: Road, stripeInvoiceId: string): Promise<void> {
  const known = await em.findOne(Invoice, { stripeInvoiceId });
  if (!known || (!known.purchaseId && known.status !== "DRAFT")) return;
  await road.follow(known.userId, null, async (write) => {
    const invoice = await write.tx.findOne(Invoice, { stripeInvoiceId });
    if (!invoice) return;
    if (!invoice.purchaseId) return letGo(write, invoice);
    if (!isOwed(invoice)) return;
    Object.assign(invoice, { status: "VOID", version: invoice.version + 1 });
    await write.tx.flush();
    await followPurchase(write, invoice.purchaseId as string);
  });
}

async function letGo(write: Write, { id, status, stripeInvoiceId }: Invoice): Promise<void> {
  if (status !== "DRAFT") return;
  await forget(write, "invoice", stripeInvoiceId);
  write.auditGone("invoices", id);
}

const orderedBy = ({ metadata, total, currency, created }: Stripe.Invoice): Ordered => ({
  metadata,
  amountMinor: total,
  currency: currencyOf(currency),
  createdAt: instantOf(created) as Date,
});

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
    amountCreditedMinor: invoice.pre_payment_credit_notes_amount + invoice.post_payment_credit_notes_amount,
    periodStart: instantOf(invoice.period_start),
    periodEnd: instantOf(invoice.period_end),
    issuedAt: instantOf(invoice.status_transitions.finalized_at),
    paidAt: instantOf(invoice.status_transitions.paid_at),
    nextPaymentAttemptAt: instantOf(invoice.next_payment_attempt),
    stripeCreatedAt: instantOf(invoice.created) as Date,
  };
}

async function writeLines(
  tx: EntityManager,
  invoiceId: string,
  lines: Stripe.InvoiceLineItem[],
): Promise<void> {
  const rows = lines.map((line, position) => ({
    stripeLineId: line.id,
    stripeInvoiceId: invoiceId,
    stripeSubscriptionId: idOf(line.parent?.subscription_item_details?.subscription ?? line.subscription),
    position,
    description: line.description ?? "",
    quantity: line.quantity ?? null,
    amountMinor: line.amount,
    currency: currencyOf(line.currency),
    periodStart: instantOf(line.period?.start),
    periodEnd: instantOf(line.period?.end),
  }));
  await mirrorWhole(tx, InvoiceLine, { key: "stripeLineId", owner: { stripeInvoiceId: invoiceId } }, rows);
}

/** Links invoices to payment intents; the payment's sync writes the same rows from its side. */
export async function writeInvoicePayments(tx: EntityManager, links: Stripe.InvoicePayment[]): Promise<void> {
  const rows = links.flatMap((link) => {
    const stripePaymentIntentId = idOf(link.payment.payment_intent);
    if (!stripePaymentIntentId) return [];
    const stripeInvoiceId = idOf(link.invoice) as string;
    return [{ stripeInvoicePaymentId: link.id, stripeInvoiceId, stripePaymentIntentId, status: link.status }];
  });
  await mirrorAll(tx, InvoicePayment, "stripeInvoicePaymentId", rows);
}
