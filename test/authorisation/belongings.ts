import type { EntityManager } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import { AuditEntry } from "../../src/entities/audit-entry.ts";
import { Charge } from "../../src/entities/charge.ts";
import { Dispute } from "../../src/entities/dispute.ts";
import { Invoice, InvoiceLine, InvoicePayment } from "../../src/entities/invoice.ts";
import { OutboxEvent } from "../../src/entities/outbox-event.ts";
import { Payment } from "../../src/entities/payment.ts";
import { PaymentMethod } from "../../src/entities/payment-method.ts";
import { Plan } from "../../src/entities/plan.ts";
import { Purchase } from "../../src/entities/purchase.ts";
import { Refund } from "../../src/entities/refund.ts";
import { Subscription } from "../../src/entities/subscription.ts";
import { UserAccess } from "../../src/entities/user-access.ts";

/** What both users own one of, and what is sold. */
export const COURSE = "a-course";
export const PATH = "a-path";

const HOUR = 3_600_000;
const at = (hours: number) => new Date(Date.now() + hours * HOUR);
const row = <T extends object>(type: new () => T, values: object): T => Object.assign(new type(), values);

/**
 * Gives somebody one of everything, with a value in every column that can be shown: rows as no story makes them, so that
 * nothing is null but what is withheld. Returns what the tables name, as GraphQL writes it.
 */
export async function giveBelongings(em: EntityManager, userId: string): Promise<Record<string, string[]>> {
  const plan = await em.findOneOrFail(Plan, { name: "Premium" });
  const past = subscription(userId, plan, { status: "PAST_DUE", stripeCreatedAt: at(1) });
  const ended = subscription(userId, plan, { status: "CANCELED", cancellationReason: "payment_failed" });
  const billed = bill(userId, past.stripeSubscriptionId);
  const purchases = [
    { resourceType: "COURSE", resourceId: COURSE },
    { resourceType: "LEARNING_PATH", resourceId: PATH },
  ].map((thing) => purchase(userId, thing, billed.payment));
  billed.payment.purchaseId = purchases[0]?.id ?? null;
  const grants = [
    grant(userId, { scope: "COURSE", resourceId: COURSE }),
    grant(userId, { scope: "LEARNING_PATH", resourceId: PATH }),
    grant(userId, { scope: "COURSE", resourceId: "revoked", revokedAt: at(-1) }),
    grant(userId, { scope: "PLATFORM", source: "SUBSCRIPTION", sourceId: past.id }),
  ];
  const method = row(PaymentMethod, {
    ...{ userId, stripePaymentMethodId: `pm_${userId}`, type: "card", brand: "visa", last4: "4242" },
    ...{ expMonth: 12, expYear: 2040, isDefault: false, stripeCreatedAt: at(-2) },
  });
  const about = { subscriptionId: past.id, paymentId: billed.payment.id, purchaseId: purchases[0]?.id };
  const events = [1_000_001, 1_000_002].map((sequence) =>
    row(OutboxEvent, {
      ...{ id: v7(), userId, sequence, type: "payment.failed", data: about },
      ...{ occurredAt: at(-1), nextTryAt: at(-1), sentAt: at(-1) },
    }),
  );
  em.persist([past, ended, ...Object.values(billed), ...purchases, ...grants, method, ...events]);
  em.persist(noted(userId, past));
  await em.flush();
  return {
    ...{ UserSubscription: quoted(past, ended), Payment: quoted(billed.payment) },
    ...{ Invoice: quoted(billed.invoice), Purchase: quoted(...purchases), UserAccess: quoted(...grants) },
    ...{ PaymentMethod: quoted(method), Event: quoted(events[0] as OutboxEvent) },
  };
}

/** Ids of rows, as GraphQL writes them. */
export const quoted = (...rows: { id: string }[]) => rows.map(({ id }) => JSON.stringify(id));

function subscription(userId: string, plan: Plan, values: object): Subscription {
  return row(Subscription, {
    ...{ userId, stripeSubscriptionId: `sub_${v7()}`, stripePriceId: plan.stripePriceId, planId: plan.id },
    ...{ quantity: 1, currentPeriodStart: at(-3), currentPeriodEnd: at(3), trialEndsAt: at(-2) },
    ...{ canceledAt: at(-1), endedAt: at(-1), scheduledPlanId: plan.id, cancelAtPeriodEnd: true },
    ...{ hasPaymentMethod: true, stripeCreatedAt: at(-3), ...values },
  });
}

/** An invoice that was paid for a while, with a payment that was tried, refunded and disputed. */
function bill(userId: string, stripeSubscriptionId: string) {
  const [stripeInvoiceId, stripePaymentIntentId] = [`in_${v7()}`, `pi_${v7()}`];
  const stripeChargeId = `ch_${v7()}`;
  const known = { userId, currency: "USD", stripeCreatedAt: at(-2) };
  return {
    invoice: row(Invoice, {
      ...{ ...known, stripeInvoiceId, stripeSubscriptionId, number: `CMH-${userId}`, status: "OPEN" },
      ...{ subtotalMinor: 100, taxMinor: 0, totalMinor: 100, amountPaidMinor: 0, amountDueMinor: 100 },
      ...{ periodStart: at(-3), periodEnd: at(3), issuedAt: at(-2), paidAt: at(-1) },
      nextPaymentAttemptAt: at(2),
    }),
    line: row(InvoiceLine, {
      ...{ stripeLineId: `il_${v7()}`, stripeInvoiceId, position: 0, description: "Premium", quantity: 1 },
      ...{ amountMinor: 100, currency: "USD", periodStart: at(-3), periodEnd: at(3) },
    }),
    link: row(InvoicePayment, {
      ...{ stripeInvoicePaymentId: `inpay_${v7()}`, stripeInvoiceId, stripePaymentIntentId, status: "open" },
    }),
    payment: row(Payment, {
      ...{ ...known, stripePaymentIntentId, status: "FAILED", amountMinor: 100, amountRefundedMinor: 1 },
      ...{ description: "Premium", methodLabel: "visa •••• 4242", failureCode: "insufficient_funds" },
      ...{ failureMessage: "no money", receiptUrl: `https://pay.example.com/receipts/${userId}` },
    }),
    charge: row(Charge, {
      ...{ ...known, stripeChargeId, stripePaymentIntentId, status: "failed", amountMinor: 100 },
      ...{ amountRefundedMinor: 0, failureCode: "insufficient_funds" },
    }),
    refund: row(Refund, {
      ...{ ...known, stripeRefundId: `re_${v7()}`, stripePaymentIntentId, stripeChargeId, amountMinor: 1 },
      ...{ status: "pending", access: "KEEP" },
    }),
    dispute: row(Dispute, {
      ...{ ...known, stripeDisputeId: `du_${v7()}`, stripePaymentIntentId, stripeChargeId },
      ...{ amountMinor: 100, status: "needs_response", reason: "fraudulent", evidenceDueAt: at(48) },
    }),
  };
}

function purchase(userId: string, thing: object, { stripePaymentIntentId }: Payment): Purchase {
  return row(Purchase, {
    ...{ userId, ...thing, amountMinor: 4_900, currency: "USD", status: "COMPLETED", payBefore: at(1) },
    ...{ stripePaymentIntentId, purchasedAt: at(-1) },
  });
}

const grant = (userId: string, values: object): UserAccess =>
  row(UserAccess, {
    ...{ userId, source: "GIFT", sourceId: v7(), startsAt: at(-2), expiresAt: at(100), ...values },
  });

const noted = (userId: string, { id: rowId }: Subscription): AuditEntry =>
  row(AuditEntry, {
    ...{ at: at(-1), actor: `user:${userId}`, action: "changePlan", tableName: "subscriptions", rowId },
    ...{ userId, before: { status: "ACTIVE" }, after: { status: "PAST_DUE" }, reason: "because" },
    causedBy: "evt_1",
  });
