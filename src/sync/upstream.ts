import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Invoice } from "../entities/invoice.ts";
import { LIVE_STATUSES, Subscription } from "../entities/subscription.ts";
import { Gathering } from "../gathering.ts";
import { holderIsGone, slotHolders } from "../services/subscription-slots.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { customerJourney, ourUser } from "./customer.ts";
import { invoiceJourney } from "./invoice.ts";
import { hasSucceeded, knownOwner } from "./known.ts";
import { paymentJourney } from "./payment.ts";
import type { Journey, OwnerOf, Road, Trip } from "./road.ts";
import { subscriptionJourney } from "./subscription.ts";
import { wordOf } from "./values.ts";

/** One trip along the road, shared with whoever asks for the same at the same time. */
type Travel = <Remote>(journey: Journey<Remote>, cause: string | null) => Promise<Trip<Remote>>;

/** What objects belong to: whose they are, and what is brought into our rows before they are (decision 0005). */
export class Upstream {
  private readonly holders = new Gathering(
    async (userIds: string[]) => {
      const held = await slotHolders(this.em.fork(), userIds);
      return userIds.map((userId) => held.get(userId) ?? null);
    },
    { most: 64, underWay: 2 },
  );

  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly road: Road,
    private readonly travel: Travel,
  ) {}

  subscriptionOf(id: string): Journey<Stripe.Subscription> {
    const { ensureInvoice, ensureHolder, knownOwner } = this;
    const upstream = { ensureInvoice, ensureHolder, ownerOfCustomer: knownOwner };
    return subscriptionJourney(this.stripe, id, this.ownerOf, upstream);
  }

  private readonly knownOwner = (stripeCustomerId: string) => knownOwner(this.em.fork(), stripeCustomerId);

  /** As {@link OwnerOf}. */
  readonly ownerOf: OwnerOf = async (stripeCustomerId, findRow) =>
    (await findRow(this.em.fork()))?.userId ??
    (stripeCustomerId === null ? null : await this.ownerOfCustomer(stripeCustomerId));

  /** The user behind a Stripe customer; asks Stripe when our rows do not know it. */
  private async ownerOfCustomer(stripeCustomerId: string): Promise<string | null> {
    const known = await this.knownOwner(stripeCustomerId);
    if (known) return known;
    const journey = customerJourney(this.stripe, stripeCustomerId, async () => null);
    const customer = (await this.travel(journey, null)).remote?.customer;
    return customer && !customer.deleted ? ourUser(customer) : null;
  }

  /** Upstream of a subscription: what its latest invoice says about money is mirrored. */
  readonly ensureInvoice = async (invoice: Stripe.Invoice): Promise<void> => {
    const row = await this.em.fork().findOne(Invoice, { stripeInvoiceId: invoice.id });
    const isSame =
      row?.status === wordOf(invoice.status ?? "draft") && row.amountPaidMinor === invoice.amount_paid;
    if (!isSame) await this.travel(invoiceJourney(this.stripe, invoice.id, this.ownerOf), null);
  };

  /**
   * Upstream of a live subscription: whether another one still holds the user's slot. Its end may not be known here
   * yet, and then this one is no second one. On the road itself: a trip that waits for another must not be waited for.
   */
  readonly ensureHolder = async (userId: string, remote: Stripe.Subscription): Promise<void> => {
    if (!LIVE_STATUSES.includes(wordOf(remote.status))) return;
    const holder = await this.holders.ask(userId);
    if (!holder || holder === remote.id) return;
    const { ensureInvoice, knownOwner } = this;
    const upstream = { ensureInvoice, ensureHolder: async () => {}, ownerOfCustomer: knownOwner };
    const journey = subscriptionJourney(this.stripe, holder, this.ownerOf, upstream);
    const { arrival } = await this.road.travel(journey, null);
    if (arrival === "gone") await holderIsGone(this.em.fork(), userId, holder);
  };

  /** Upstream of a page that was completed: its payment, unless it is known to have succeeded. */
  readonly ensurePayment = async (id: string): Promise<void> => {
    if (await hasSucceeded(this.em.fork(), id)) return;
    await this.travel(paymentJourney(this.stripe, id, this.ownerOf, this.ensurePaidFor), null);
  };

  /** Upstream of a payment: the invoice that it pays, and the subscription that this bills. */
  readonly ensurePaidFor = async (stripeInvoiceId: string): Promise<void> => {
    const find = () => this.em.fork().findOne(Invoice, { stripeInvoiceId });
    if (!(await find())) await this.travel(invoiceJourney(this.stripe, stripeInvoiceId, this.ownerOf), null);
    const stripeSubscriptionId = (await find())?.stripeSubscriptionId;
    if (!stripeSubscriptionId) return;
    if (await this.em.fork().findOne(Subscription, { stripeSubscriptionId })) return;
    await this.travel(this.subscriptionOf(stripeSubscriptionId), null);
  };
}
