import type { EntityManager } from "@mikro-orm/postgresql";
import { Invoice, InvoiceLine, InvoicePayment } from "../../src/entities/invoice.ts";
import { Payment } from "../../src/entities/payment.ts";
import { Plan } from "../../src/entities/plan.ts";
import { Refund } from "../../src/entities/refund.ts";
import { Subscription } from "../../src/entities/subscription.ts";
import { UserAccess } from "../../src/entities/user-access.ts";
import { newUser } from "./service.ts";

export interface Subscriber {
  userId: string;
  subscriptionId: string;
  /** Its name. */
  plan: string;
}

/** A hundred users with a subscription, of the plans that cost something in turn, a grant and a bill each; written as rows. */
export async function hundredSubscribers(em: EntityManager): Promise<Subscriber[]> {
  const plans = await em.find(Plan, { stripePriceId: { $ne: null } });
  const now = new Date();
  const made = Array.from({ length: 100 }, (_, at) => {
    const plan = plans[at % plans.length] as Plan;
    const userId = newUser();
    const subscription = Object.assign(new Subscription(), {
      ...{ userId, stripeSubscriptionId: `sub_${at}`, stripePriceId: plan.stripePriceId, planId: plan.id },
      ...{ status: "ACTIVE", quantity: 1, cancelAtPeriodEnd: false, hasPaymentMethod: true },
      stripeCreatedAt: now,
    });
    const grant = Object.assign(new UserAccess(), {
      ...{ userId, source: "SUBSCRIPTION", sourceId: subscription.id, scope: "PLATFORM" },
      startsAt: new Date(now.getTime() - 60_000),
    });
    em.persist([subscription, grant, ...billed(userId, at, now)]);
    return { userId, subscriptionId: subscription.id, plan: plan.name };
  });
  await em.flush();
  return made;
}

/** An invoice of their subscription that is paid, after a payment that failed. */
function billed(userId: string, at: number, now: Date) {
  const money = { userId, currency: "USD", stripeCreatedAt: now };
  const payment = Object.assign(new Payment(), {
    ...{ ...money, stripePaymentIntentId: `pi_${at}`, status: "SUCCEEDED" },
    ...{ amountMinor: 1_000 + at, amountRefundedMinor: 0 },
  });
  const failed = Object.assign(new Payment(), {
    ...{ ...money, stripePaymentIntentId: `pi_failed_${at}`, status: "FAILED" },
    ...{ amountMinor: 1_000, amountRefundedMinor: 0, stripeCreatedAt: new Date(now.getTime() - 1_000) },
  });
  const invoice = Object.assign(new Invoice(), {
    ...{ ...money, stripeInvoiceId: `in_${at}`, stripeSubscriptionId: `sub_${at}`, status: "PAID" },
    ...{ number: `CMH-${at}`, subtotalMinor: 1_000 + at, taxMinor: 0, totalMinor: 1_000 + at },
    ...{ amountPaidMinor: 1_000 + at, amountDueMinor: 0 },
  });
  const line = Object.assign(new InvoiceLine(), {
    ...{ stripeLineId: `il_${at}`, stripeInvoiceId: `in_${at}`, position: 0, description: `line of ${at}` },
    ...{ amountMinor: 1_000 + at, currency: "USD" },
  });
  const link = Object.assign(new InvoicePayment(), {
    ...{
      stripeInvoicePaymentId: `inpay_${at}`,
      stripeInvoiceId: `in_${at}`,
      stripePaymentIntentId: `pi_${at}`,
    },
    status: "paid",
  });
  const refund = Object.assign(new Refund(), {
    ...{
      ...money,
      stripeRefundId: `re_${at}`,
      stripeChargeId: `ch_${at}`,
      stripePaymentIntentId: `pi_${at}`,
    },
    ...{ amountMinor: 0, status: "failed" },
  });
  return [payment, refund, failed, invoice, line, link];
}
