import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Charge } from "../entities/charge.ts";
import { Invoice, InvoicePayment } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Subscription } from "../entities/subscription.ts";
import { eventId } from "../events/event-types.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { PaymentStatus } from "../types/enums.ts";
import { writeInvoicePayments } from "./invoice.ts";
import { mirror, mirrorAll } from "./mirror.ts";
import type { Journey, OwnerOf, Write } from "./road.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";

export interface RemotePayment {
  intent: Stripe.PaymentIntent;
  /** Oldest first. */
  charges: Stripe.Charge[];
  links: Stripe.InvoicePayment[];
}

/** A payment intent with its charges; each charge that ended is one event. */
export function paymentJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
  ensurePaidFor: (stripeInvoiceId: string) => Promise<void>,
): Journey<RemotePayment> {
  return {
    objectId: id,
    async read() {
      const [intent, charges, links] = await Promise.all([
        stripe.paymentIntent(id),
        stripe.charges(id),
        stripe.invoicePayments(id),
      ]);
      return intent && { intent, charges, links };
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
      const change = await mirror(
        tx,
        Payment,
        { stripePaymentIntentId: remote.intent.id },
        {
          userId,
          ...columnsOf(remote),
        },
      );
      write.audit("payments", change.row.id, change);
      const ended = await writeCharges(remote, write);
      await tx.flush();
      const paidFor = await subscriptionsPaidBy(tx, remote.intent.id);
      announce(change.row, ended, paidFor, write);
      for (const subscription of paidFor) await write.access.followSubscription(write, subscription);
    },
  };
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

function columnsOf({ intent, charges }: RemotePayment) {
  const latest = charges.at(-1);
  const failed = latest?.status === "failed" ? latest : undefined;
  const refunded = charges.reduce((sum, charge) => sum + charge.amount_refunded, 0);
  return {
    amountMinor: intent.amount,
    amountRefundedMinor: Math.min(refunded, intent.amount),
    currency: currencyOf(intent.currency),
    status: statusOf(intent, charges, refunded),
    description: intent.description ?? null,
    methodLabel: methodLabel(latest),
    failureCode: failed ? (failed.outcome?.reason ?? failed.failure_code ?? null) : null,
    failureMessage: failed?.failure_message ?? null,
    receiptUrl: latest?.status === "succeeded" ? (latest.receipt_url ?? null) : null,
    stripeCreatedAt: instantOf(intent.created) as Date,
  };
}

const BY_INTENT_STATUS: Record<string, PaymentStatus> = {
  requires_payment_method: "PENDING",
  requires_confirmation: "PENDING",
  requires_action: "REQUIRES_ACTION",
  requires_capture: "PROCESSING",
  processing: "PROCESSING",
  succeeded: "SUCCEEDED",
  canceled: "CANCELED",
};

/** DISPUTED before REFUNDED before PARTIALLY_REFUNDED before what the intent says. */
function statusOf(intent: Stripe.PaymentIntent, charges: Stripe.Charge[], refunded: number): PaymentStatus {
  if (charges.some((charge) => charge.disputed)) return "DISPUTED";
  if (refunded > 0) return refunded >= intent.amount_received ? "REFUNDED" : "PARTIALLY_REFUNDED";
  const failed = intent.status === "requires_payment_method" && charges.at(-1)?.status === "failed";
  return failed ? "FAILED" : (BY_INTENT_STATUS[intent.status] ?? "PENDING");
}

function methodLabel(charge: Stripe.Charge | undefined): string | null {
  const card = charge?.payment_method_details?.card;
  return card?.last4 ? `${card.brand} •••• ${card.last4}` : (charge?.payment_method_details?.type ?? null);
}

async function subscriptionsPaidBy(tx: EntityManager, paymentIntentId: string): Promise<Subscription[]> {
  const links = await tx.find(InvoicePayment, { stripePaymentIntentId: paymentIntentId });
  const invoices = await tx.find(Invoice, {
    stripeInvoiceId: { $in: links.map((link) => link.stripeInvoiceId) },
  });
  const ids = invoices
    .map((invoice) => invoice.stripeSubscriptionId)
    .filter((id): id is string => id != null);
  return ids.length ? tx.find(Subscription, { stripeSubscriptionId: { $in: ids } }) : [];
}

/** One event for each charge that ended, whether or not its webhook was ever seen; none for amount 0. */
function announce(payment: Payment, ended: Charge[], paidFor: Subscription[], { emit }: Write): void {
  for (const charge of ended.filter(({ amountMinor }) => amountMinor > 0)) {
    const type = charge.status === "succeeded" ? "payment.succeeded" : "payment.failed";
    emit({
      id: eventId(type, charge.stripeChargeId),
      type,
      data: {
        paymentId: payment.id,
        subscriptionId: paidFor[0]?.id ?? null,
        amountMinor: charge.amountMinor,
        currency: charge.currency,
        ...(type === "payment.failed" && { failureCode: charge.failureCode ?? null }),
      },
    });
  }
}
