import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Customer } from "../entities/customer.ts";
import { Invoice } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Subscription } from "../entities/subscription.ts";
import { checkoutSessionJourney } from "./checkout-session.ts";
import { Coalescer } from "./coalesce.ts";
import { customerJourney } from "./customer.ts";
import { invoiceJourney } from "./invoice.ts";
import { paymentJourney } from "./payment.ts";
import type { Arrival, Journey, Road } from "./road.ts";
import { subscriptionJourney } from "./subscription.ts";
import { idOf, wordOf } from "./values.ts";

/** The aggregates of Stripe objects that are mirrored. */
export const AGGREGATES = [
  "customer",
  "checkout_session",
  "subscription",
  "invoice",
  "payment_intent",
] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/**
 * Brings our rows in step with Stripe: one function an aggregate, each taking an id, never a payload. What an
 * object leads to (a paid session to its subscription, that to its invoice, that to its payment) is followed
 * when our rows do not say the same yet; what it belongs to is synced before it.
 */
export class Sync {
  private readonly reads = new Coalescer<Arrival>();

  constructor(
    private readonly em: EntityManager,
    private readonly road: Road,
  ) {}

  /** @param cause the Stripe event that asks for it, for the audit log */
  run(aggregate: Aggregate, id: string, cause: string | null = null): Promise<Arrival> {
    switch (aggregate) {
      case "customer":
        return this.customer(id, cause);
      case "checkout_session":
        return this.checkoutSession(id, cause);
      case "subscription":
        return this.subscription(id, cause);
      case "invoice":
        return this.invoice(id, cause);
      case "payment_intent":
        return this.payment(id, cause);
    }
  }

  customer(id: string, cause: string | null = null): Promise<Arrival> {
    return this.travel(
      customerJourney(this.road.stripe, id, () => this.knownOwner(id)),
      cause,
    );
  }

  async checkoutSession(id: string, cause: string | null = null): Promise<Arrival> {
    const { journey, seen } = watched(checkoutSessionJourney(this.road.stripe, id, this.ownerOf));
    const arrival = await this.travel(journey, cause);
    const subscriptionId = idOf(seen()?.subscription);
    if (subscriptionId && !(await this.subscriptionIsLive(subscriptionId)))
      await this.subscription(subscriptionId, cause);
    return arrival;
  }

  async subscription(id: string, cause: string | null = null): Promise<Arrival> {
    const { journey, seen } = watched(subscriptionJourney(this.road.stripe, id, this.ownerOf));
    const arrival = await this.travel(journey, cause);
    const invoice = seen()?.latest_invoice;
    if (
      arrival === "applied" &&
      invoice &&
      typeof invoice === "object" &&
      !(await this.invoiceIsSame(invoice))
    )
      await this.invoice(invoice.id as string, cause);
    return arrival;
  }

  async invoice(id: string, cause: string | null = null): Promise<Arrival> {
    const { journey, seen } = watched(
      invoiceJourney(this.road.stripe, id, this.ownerOf, this.ensureSubscription),
    );
    const arrival = await this.travel(journey, cause);
    const links = seen()?.invoice.payments?.data ?? [];
    for (const link of links) {
      const paymentId = idOf(link.payment.payment_intent);
      if (arrival === "applied" && paymentId && !(await this.paymentIsSettled(paymentId)))
        await this.payment(paymentId, cause);
    }
    return arrival;
  }

  payment(id: string, cause: string | null = null): Promise<Arrival> {
    return this.travel(paymentJourney(this.road.stripe, id, this.ownerOf, this.ensureInvoice), cause);
  }

  private travel<Remote>(journey: Journey<Remote>, cause: string | null): Promise<Arrival> {
    return this.reads.run(journey.objectId, () => this.road.travel(journey, cause));
  }

  /** The user behind a Stripe customer; asks Stripe when our rows do not know it. */
  private readonly ownerOf = async (stripeCustomerId: string | null): Promise<string | null> => {
    if (!stripeCustomerId) return null;
    const known = await this.knownOwner(stripeCustomerId);
    if (known) return known;
    await this.customer(stripeCustomerId);
    return this.knownOwner(stripeCustomerId);
  };

  private async knownOwner(stripeCustomerId: string): Promise<string | null> {
    return (await this.em.fork().findOne(Customer, { stripeCustomerId }))?.userId ?? null;
  }

  /** Upstream of a payment: its invoice is mirrored before the payment is. */
  private readonly ensureInvoice = async (stripeInvoiceId: string): Promise<void> => {
    if (await this.em.fork().findOne(Invoice, { stripeInvoiceId })) return;
    await this.travel(
      invoiceJourney(this.road.stripe, stripeInvoiceId, this.ownerOf, this.ensureSubscription),
      null,
    );
  };

  private readonly ensureSubscription = async (stripeSubscriptionId: string): Promise<void> => {
    if (await this.em.fork().findOne(Subscription, { stripeSubscriptionId })) return;
    await this.travel(subscriptionJourney(this.road.stripe, stripeSubscriptionId, this.ownerOf), null);
  };

  private async subscriptionIsLive(stripeSubscriptionId: string): Promise<boolean> {
    return (await this.em.fork().findOne(Subscription, { stripeSubscriptionId }))?.isLive ?? false;
  }

  private async invoiceIsSame(invoice: Stripe.Invoice): Promise<boolean> {
    const row = await this.em.fork().findOne(Invoice, { stripeInvoiceId: invoice.id as string });
    return row?.status === wordOf(invoice.status ?? "draft") && row.amountPaidMinor === invoice.amount_paid;
  }

  private async paymentIsSettled(stripePaymentIntentId: string): Promise<boolean> {
    return (await this.em.fork().findOne(Payment, { stripePaymentIntentId }))?.status === "SUCCEEDED";
  }
}

/** A journey that remembers what it read, for what is to be followed after it. */
function watched<Remote>(journey: Journey<Remote>): { journey: Journey<Remote>; seen: () => Remote | null } {
  let seen: Remote | null = null;
  const read = async () => {
    seen = await journey.read();
    return seen;
  };
  return { journey: { ...journey, read }, seen: () => seen };
}
