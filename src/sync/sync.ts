import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { InvoicePayment } from "../entities/invoice.ts";
import { Plan } from "../entities/plan.ts";
import { Gathering } from "../gathering.ts";
import type { Logger } from "../logger.ts";
import { isPassing } from "../outage.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { checkoutSessionJourney, sessionIsGone } from "./checkout-session.ts";
import { Coalescer } from "./coalesce.ts";
import { customerJourney } from "./customer.ts";
import { invoiceIsGone, invoiceJourney } from "./invoice.ts";
import { hasSucceeded, knownOwner, subscriptionIsLive, trialsToFollow } from "./known.ts";
import { paymentJourney } from "./payment.ts";
import { priceJourney } from "./price.ts";
import { promotionCodeJourney } from "./promotion-code.ts";
import { followPurchase } from "./purchase.ts";
import type { Arrival, Journey, Road, Trip } from "./road.ts";
import { subscriptionIsGone } from "./subscription.ts";
import { type Burst, holdsInvoice, type Loaded, linkedTo, Together } from "./together.ts";
import { Upstream } from "./upstream.ts";
import { idOf } from "./values.ts";

/** The aggregates of Stripe objects that are mirrored. */
export const AGGREGATES = [
  "customer",
  "checkout_session",
  "subscription",
  "invoice",
  "payment_intent",
  "product",
  "price",
  "promotion_code",
] as const;
export type Aggregate = (typeof AGGREGATES)[number];
/** Those that hold what a user has, and has paid. */
export type UserAggregate = "customer" | "subscription" | "invoice" | "payment_intent";

/** What is to be synced, and the Stripe event that asks for it, for the audit log. */
export interface Asked {
  aggregate: Aggregate;
  id: string;
  cause: string | null;
}

/**
 * Brings our rows in step with Stripe: one function an aggregate, each taking an id, never a payload. What an
 * object leads to (a paid session to its subscription, that to its invoice, that to its payment) is followed
 * when our rows do not say the same yet; what it belongs to is synced before it.
 */
export class Sync {
  private readonly reads = new Coalescer<Trip<unknown>>();
  private readonly trials = new Gathering((ids: string[]) => trialsToFollow(this.em.fork(), ids), {
    ...{ most: 64, underWay: 2 },
  });
  private readonly together: Together;
  private readonly upstream: Upstream;

  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly road: Road,
    private readonly logger: Logger,
  ) {
    this.upstream = new Upstream(em, stripe, road, (journey, cause) => this.travel(journey, cause));
    const journey = (aggregate: Aggregate, id: string) => this.journey(aggregate, id);
    this.together = new Together(em, road, journey, this.ensureUpstream);
  }

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
      case "product":
        return this.product(id, cause);
      case "price":
        return this.price(id, cause);
      case "promotion_code":
        return this.travel(promotionCodeJourney(this.stripe, id), cause).then(({ arrival }) => arrival);
    }
  }

  /**
   * Syncs what a burst of events tells of, each object once, as far as possible together. What fails then is done
   * alone, so that it takes nobody along: for each its arrival, or why it has none.
   * @throws what ends when it ends, not by doing it alone: an outage
   */
  async runAll(objects: readonly Asked[]): Promise<Map<string, Arrival | Error>> {
    const outcomes = new Map<string, Arrival | Error>();
    if (objects.length > 1)
      await this.runTogether(objects, outcomes).catch((error: unknown) => {
        if (isPassing(error)) throw error;
        this.logger.warn({ err: error }, "objects could not be synced together; each is synced alone");
      });
    for (const { aggregate, id, cause } of objects)
      if (!outcomes.has(id))
        outcomes.set(id, await this.run(aggregate, id, cause).catch((error: Error) => error));
    return outcomes;
  }

  private async runTogether(
    objects: readonly Asked[],
    outcomes: Map<string, Arrival | Error>,
  ): Promise<void> {
    const { bursts, arrivals } = await this.together.travel(objects);
    for (const burst of bursts)
      for (const one of burst.values()) await this.followTogether(one, arrivals.get(one.id), burst);
    for (const [id, arrival] of arrivals) outcomes.set(id, arrival);
  }

  /** How an object of a user is read and written, for those who look at several of a user's at once. */
  journey(aggregate: UserAggregate, id: string): Journey<unknown>;
  journey(aggregate: Aggregate, id: string): Journey<unknown> | null;
  journey(aggregate: Aggregate, id: string): Journey<unknown> | null {
    switch (aggregate) {
      case "customer":
        return customerJourney(this.stripe, id, () => knownOwner(this.em.fork(), id)) as Journey<unknown>;
      case "checkout_session":
        return checkoutSessionJourney(
          this.stripe,
          id,
          this.upstream.ownerOf,
          this.upstream.ensurePayment,
        ) as Journey<unknown>;
      case "subscription":
        return this.upstream.subscriptionOf(id) as Journey<unknown>;
      case "invoice":
        return invoiceJourney(this.stripe, id, this.upstream.ownerOf) as Journey<unknown>;
      case "payment_intent":
        return paymentJourney(
          this.stripe,
          id,
          this.upstream.ownerOf,
          this.upstream.ensurePaidFor,
        ) as Journey<unknown>;
      default:
        return null;
    }
  }

  async customer(id: string, cause: string | null = null): Promise<Arrival> {
    const journey = customerJourney(this.stripe, id, () => knownOwner(this.em.fork(), id));
    const { arrival } = await this.travel(journey, cause);
    if (arrival === "applied") await this.followTrials(id, cause);
    return arrival;
  }

  async checkoutSession(id: string, cause: string | null = null): Promise<Arrival> {
    const journey = checkoutSessionJourney(
      this.stripe,
      id,
      this.upstream.ownerOf,
      this.upstream.ensurePayment,
    );
    const { arrival, remote } = await this.travel(journey, cause);
    if (arrival === "gone") await sessionIsGone(this.em.fork(), this.road, id);
    if (remote && arrival !== "foreign") await this.followSession(remote, cause);
    return arrival;
  }

  async subscription(id: string, cause: string | null = null): Promise<Arrival> {
    const { arrival, remote } = await this.travel(this.upstream.subscriptionOf(id), cause);
    const invoiceId = idOf(remote?.latest_invoice);
    if (arrival === "applied" && invoiceId) await this.followPayments(invoiceId, cause);
    return arrival;
  }

  /** For whoever knows that Stripe has no such subscription, and that it is the right Stripe that was asked. */
  subscriptionIsGone(id: string): Promise<void> {
    return subscriptionIsGone(this.em.fork(), this.road, id);
  }

  async invoice(id: string, cause: string | null = null): Promise<Arrival> {
    const { arrival } = await this.travel(invoiceJourney(this.stripe, id, this.upstream.ownerOf), cause);
    if (arrival === "applied") await this.followPayments(id, cause);
    if (arrival === "gone") await invoiceIsGone(this.em.fork(), this.road, id);
    return arrival;
  }

  async payment(id: string, cause: string | null = null): Promise<Arrival> {
    const journey = paymentJourney(this.stripe, id, this.upstream.ownerOf, this.upstream.ensurePaidFor);
    return (await this.travel(journey, cause)).arrival;
  }

  /** Follows those of its prices that we sell by; another application's product has none. */
  async product(id: string, cause: string | null = null): Promise<Arrival> {
    const arrivals: Arrival[] = [];
    for (const price of await this.stripe.pricesOf(id)) arrivals.push(await this.price(price, cause));
    return arrivals.find((arrival) => arrival !== "foreign") ?? "foreign";
  }

  async price(id: string, cause: string | null = null): Promise<Arrival> {
    if (!(await this.em.fork().findOne(Plan, { stripePriceId: id }))) return "foreign";
    return (await this.travel(priceJourney(this.stripe, id), cause)).arrival;
  }

  /** Notes that what asks for the money of an order was refused, and what follows from that, in one transaction. */
  refusedOrder(
    { userId, subject }: { userId: string; subject: string },
    note: (tx: EntityManager) => Promise<boolean>,
  ): Promise<boolean> {
    return this.road.follow(userId, null, async (write) => {
      const isNoted = await note(write.tx);
      if (isNoted) await followPurchase(write, subject);
      return isNoted;
    });
  }

  /** What an object leads to and is not in its burst. */
  private async followTogether(one: Loaded, arrival: Arrival | undefined, burst: Burst): Promise<void> {
    const { aggregate, id, cause, remote } = one;
    if (aggregate === "checkout_session") {
      const { subscription, payment_intent: payment } = remote as Stripe.Checkout.Session;
      const isThere = [idOf(subscription), idOf(payment)].every((made) => !made || burst.has(made));
      if (!isThere) await this.followSession(remote as Stripe.Checkout.Session, cause);
    }
    if (arrival !== "applied") return;
    if (aggregate === "customer") await this.followTrials(id, cause);
    const invoiceId =
      aggregate === "subscription" ? idOf((remote as Stripe.Subscription).latest_invoice) : id;
    const isInvoice = aggregate === "subscription" || aggregate === "invoice";
    if (!isInvoice || !invoiceId) return;
    const invoice = burst.get(invoiceId);
    const isPaidThere = invoice && linkedTo(invoice).every((payment) => burst.has(payment));
    if (!isPaidThere) await this.followPayments(invoiceId, cause);
  }

  /** What one of a burst belongs to and is not in it. */
  private readonly ensureUpstream = async (one: Loaded, userId: string, burst: Burst): Promise<void> => {
    if (one.aggregate === "subscription") {
      const subscription = one.remote as Stripe.Subscription;
      const { latest_invoice: invoice } = subscription;
      if (invoice && typeof invoice === "object" && !burst.has(invoice.id))
        await this.upstream.ensureInvoice(invoice);
      await this.upstream.ensureHolder(userId, subscription);
    }
    if (one.aggregate === "payment_intent")
      for (const invoiceId of linkedTo(one))
        if (!holdsInvoice(burst, invoiceId)) await this.upstream.ensurePaidFor(invoiceId);
  };

  /** Whether a trial outlives its end depends on whether the customer has a method stored. */
  private async followTrials(stripeCustomerId: string, cause: string | null): Promise<void> {
    for (const id of await this.trials.ask(stripeCustomerId))
      await this.travel(this.upstream.subscriptionOf(id), cause);
  }

  /** What a session made, unless our rows say already what it says. */
  private async followSession(session: Stripe.Checkout.Session, cause: string | null): Promise<void> {
    const subscriptionId = idOf(session.subscription);
    const isPaid = session.payment_status === "paid";
    if (subscriptionId && !(await subscriptionIsLive(this.em.fork(), subscriptionId, isPaid)))
      await this.subscription(subscriptionId, cause);
    const paymentId = idOf(session.payment_intent);
    if (paymentId && !(await hasSucceeded(this.em.fork(), paymentId))) await this.payment(paymentId, cause);
  }

  /** Payments of an invoice that our rows do not know to have succeeded. */
  private async followPayments(stripeInvoiceId: string, cause: string | null): Promise<void> {
    const em = this.em.fork();
    const links = await em.find(InvoicePayment, { stripeInvoiceId });
    for (const { stripePaymentIntentId: id } of links)
      if (!(await hasSucceeded(this.em.fork(), id))) await this.payment(id, cause);
  }

  /** Callers who share one read share what it saw: each follows what the object leads to, and waits for it. */
  private travel<Remote>(journey: Journey<Remote>, cause: string | null): Promise<Trip<Remote>> {
    const trip = this.reads.run(journey.objectId, () => this.road.travel(journey, cause));
    return trip as Promise<Trip<Remote>>;
  }
}
