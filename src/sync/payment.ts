import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { isPseudonym } from "../auth/caller.ts";
import { Charge } from "../entities/charge.ts";
import { Dispute } from "../entities/dispute.ts";
import { Invoice, InvoicePayment } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Refund } from "../entities/refund.ts";
import { Subscription } from "../entities/subscription.ts";
import { eventId } from "../events/event-types.ts";
import { discardRefused } from "../services/pending-updates.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { writeInvoicePayments } from "./invoice.ts";
import { flushForLooks } from "./look-ahead.ts";
import { findRows, mirror, mirrorAll } from "./mirror.ts";
import { announceMoneyBack, type RemoteMoneyBack, writeMoneyBack } from "./money-back.ts";
import { refundedMinor, statusOf } from "./payment-status.ts";
import { followPurchase, purchaseOf } from "./purchase.ts";
import type { Journey, OwnerOf } from "./road.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";
import type { Write } from "./write.ts";

export interface RemotePayment {
  intent: Stripe.PaymentIntent;
  /** Oldest first. */
  charges: Stripe.Charge[];
  links: Stripe.InvoicePayment[];
  back: RemoteMoneyBack;
}

/** A payment intent with its charges, refunds and disputes; each charge that ended is one event. */
export function paymentJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
  ensurePaidFor: (stripeInvoiceId: string) => Promise<void>,
): Journey<RemotePayment> {
  return {
    objectId: id,
    async read() {
      const [charges, links] = await Promise.all([stripe.charges(id), stripe.invoicePayments(id)]);
      // it comes with what was tried on it; one on which nothing was is asked for
      const intent = intentOf(charges.at(-1)) ?? (await stripe.paymentIntent(id));
      return intent && { intent, charges, links, back: await moneyBackOf(stripe, id, charges) };
    },
    owner: ({ intent }) =>
      ownerOf(idOf(intent.customer), (em) => em.findOne(Payment, { stripePaymentIntentId: id })),
    // what a payment pays for is known before the payment is announced
    async upstream({ links }) {
      for (const link of links) await ensurePaidFor(idOf(link.invoice) as string);
    },
    async write(remote, write) {
      const { tx, userId } = write;
      await writeInvoicePayments(tx, remote.links);
      const back = await writeMoneyBack(remote.back, id, write);
      const key = { stripePaymentIntentId: id };
      const purchaseId = await paidPurchase(remote, write);
      const change = await mirror(tx, Payment, key, {
        ...{ userId, purchaseId },
        ...columnsOf(remote),
        ...(isPseudonym(userId) ? NOTHING_TOLD : toldOf(remote)),
        amountRefundedMinor: refundedMinor(remote.intent, back),
        status: statusOf(remote.intent, remote.charges, back),
      });
      write.audit("payments", change.row.id, change);
      const ended = await writeCharges(remote, write);
      await flushForLooks(tx);
      const paidFor = await subscriptionsPaidBy(tx, id);
      const about = { paymentId: change.row.id, subscriptionId: paidFor[0]?.id ?? null, purchaseId };
      announce(ended, about, write);
      announceMoneyBack(back, about, write);
      const invoices = remote.links.map((link) => idOf(link.invoice) as string);
      for (const subscription of paidFor) {
        await discardRefused(write, change.row, subscription, invoices);
        write.follow(subscription);
        await write.duplicates.giveBack(write, subscription);
      }
      if (purchaseId) await followPurchase(write, purchaseId);
    },
    async prune({ charges, back, links }, { tx }) {
      const known = { stripePaymentIntentId: id };
      const others = (objects: { id: string }[]) => ({ $nin: objects.map((object) => object.id) });
      await tx.nativeDelete(Charge, { ...known, stripeChargeId: others(charges) });
      await tx.nativeDelete(Refund, { ...known, stripeRefundId: others(back.refunds) });
      await tx.nativeDelete(Dispute, { ...known, stripeDisputeId: others(back.disputes) });
      await tx.nativeDelete(InvoicePayment, { ...known, stripeInvoicePaymentId: others(links) });
    },
  };
}

/** The purchase that it pays for: a page's payment says so itself, a stored method's by the invoice that it pays. */
async function paidPurchase({ intent, links }: RemotePayment, write: Write): Promise<string | null> {
  const { metadata, amount: amountMinor, currency, created } = intent;
  const createdAt = instantOf(created) as Date;
  const said = await purchaseOf(write, { metadata, amountMinor, currency: currencyOf(currency), createdAt });
  if (said || links.length === 0) return said;
  const ids = links.map((link) => idOf(link.invoice) as string);
  const invoices = await findRows(write.tx, Invoice, "stripeInvoiceId", ids);
  return invoices.find(({ purchaseId }) => purchaseId)?.purchaseId ?? null;
}

function intentOf(charge: Stripe.Charge | undefined): Stripe.PaymentIntent | null {
  const intent = charge?.payment_intent;
  return typeof intent === "object" ? intent : null;
}

/** Refunds come with their charges; disputes are asked for where there are any. */
async function moneyBackOf(
  stripe: StripeGateway,
  id: string,
  charges: Stripe.Charge[],
): Promise<RemoteMoneyBack> {
  const [refunds, disputes] = await Promise.all([
    Promise.all(charges.map((charge) => stripe.refundsOf(charge))),
    charges.some((charge) => charge.disputed) ? stripe.disputes(id) : [],
  ]);
  return { refunds: refunds.flat().reverse(), disputes: disputes.reverse() };
}

/** Writes the charges and returns those that were not known to have succeeded or failed. */
async function writeCharges({ intent, charges }: RemotePayment, { tx, userId }: Write): Promise<Charge[]> {
  const rows = charges.map((charge) => ({
    stripeChargeId: charge.id,
    stripePaymentIntentId: intent.id,
    userId,
    status: charge.status as Charge["status"],
    amountMinor: charge.amount,
    amountRefundedMinor: charge.amount_refunded,
    currency: currencyOf(charge.currency),
    failureCode: charge.outcome?.reason ?? charge.failure_code ?? null,
    stripeCreatedAt: instantOf(charge.created) as Date,
  }));
  const changes = await mirrorAll(tx, Charge, "stripeChargeId", rows);
  return changes.filter(({ row, after }) => after?.status && row.status !== "pending").map(({ row }) => row);
}

const failedOf = (latest: Stripe.Charge | undefined) => (latest?.status === "failed" ? latest : undefined);

/** In what words it was refused, and the page that shows who paid. */
function toldOf({ charges }: RemotePayment): Pick<Payment, "failureMessage" | "receiptUrl"> {
  const latest = charges.at(-1);
  return {
    failureMessage: failedOf(latest)?.failure_message ?? null,
    receiptUrl: latest?.status === "succeeded" ? (latest.receipt_url ?? null) : null,
  };
}

/** Of whoever was anonymised, however late it comes. */
const NOTHING_TOLD = { failureMessage: null, receiptUrl: null };

function columnsOf({ intent, charges }: RemotePayment) {
  const latest = charges.at(-1);
  const failed = failedOf(latest);
  return {
    amountMinor: intent.amount,
    amountReceivedMinor: intent.amount_received,
    currency: currencyOf(intent.currency),
    description: intent.description ?? null,
    methodLabel: methodLabel(latest),
    failureCode: failed ? (failed.outcome?.reason ?? failed.failure_code ?? null) : null,
    stripeCreatedAt: instantOf(intent.created) as Date,
  };
}

function methodLabel(charge: Stripe.Charge | undefined): string | null {
  const card = charge?.payment_method_details?.card;
  return card?.last4 ? `${card.brand} •••• ${card.last4}` : (charge?.payment_method_details?.type ?? null);
}

async function subscriptionsPaidBy(tx: EntityManager, paymentIntentId: string): Promise<Subscription[]> {
  const links = await findRows(tx, InvoicePayment, "stripePaymentIntentId", [paymentIntentId]);
  const billed = links.map((link) => link.stripeInvoiceId);
  const invoices = await findRows(tx, Invoice, "stripeInvoiceId", billed);
  const ids = invoices
    .map((invoice) => invoice.stripeSubscriptionId)
    .filter((id): id is string => id != null);
  return findRows(tx, Subscription, "stripeSubscriptionId", ids);
}

/** One event for each charge that ended, whether or not its webhook was ever seen; none for amount 0. */
function announce(
  ended: Charge[],
  about: { paymentId: string; subscriptionId: string | null; purchaseId: string | null },
  { emit }: Write,
): void {
  for (const charge of ended.filter(({ amountMinor }) => amountMinor > 0)) {
    const type = charge.status === "succeeded" ? "payment.succeeded" : "payment.failed";
    emit({
      id: eventId(type, charge.stripeChargeId),
      type,
      data: {
        ...about,
        amountMinor: charge.amountMinor,
        currency: charge.currency,
        ...(type === "payment.failed" && { failureCode: charge.failureCode ?? null }),
      },
    });
  }
}
