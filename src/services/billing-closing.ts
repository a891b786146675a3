import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Customer } from "../entities/customer.ts";
import { Intent } from "../entities/intent.ts";
import { Plan } from "../entities/plan.ts";
import { Purchase } from "../entities/purchase.ts";
import { ENDED_STATUSES, Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import { Conflict, UserAnonymized } from "../errors.ts";
import { isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import type { Logger } from "../logger.ts";
import { isMissing } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { ENDED, type ListedKind, type PageOf } from "../stripe/listings.ts";
import { followPurchase } from "../sync/purchase.ts";
import type { Road } from "../sync/road.ts";
import type { Sync } from "../sync/sync.ts";
import type { Author } from "../sync/write.ts";

/** How often what is still live is looked for: a page may be paid in the moment in which it is closed. */
const ROUNDS = 4;

/**
 * Ends all that would charge somebody, or open something to them: subscriptions now, pages, invoices that wait for their
 * money, stored methods, grants. Repeated after a crash it ends what is left.
 */
export class BillingClosing {
  constructor(
    private readonly em: EntityManager,
    private readonly intents: Intents,
    private readonly stripe: StripeGateway,
    private readonly parts: { road: Road; sync: Sync; logger: Logger },
  ) {}

  /**
   * @throws Conflict (retryable) while something new keeps appearing; ProviderUnavailable; UserAnonymized when another call
   *   has severed the user meanwhile
   */
  async close(userId: string, author: Author): Promise<void> {
    await this.finishBegun(userId);
    const customer = await this.em.fork().findOne(Customer, { userId });
    // one that is not at Stripe (any more) is taken for deleted, whatever account was asked
    if (customer) await this.assertOurAccount(customer.stripeCustomerId);
    if (customer && !customer.isDeleted) await this.closeAtStripe(userId, customer.stripeCustomerId);
    await this.endWhatRowsSay(userId);
    await this.endAccess(userId, author);
  }

  /** What was begun and never answered is known before it is ended. */
  private async finishBegun(userId: string): Promise<void> {
    const open = await this.em
      .fork()
      .find(Intent, { userId, settledAt: null, state: { $ne: "FAILED" } }, { orderBy: { id: "asc" } });
    for (const { id } of open)
      await this.tolerating(() =>
        this.intents.carryThrough(id).catch((error: unknown) => {
          // what it would have begun is not made any more: that is how it ends
          if (!(error instanceof UserAnonymized)) throw error;
        }),
      );
  }

  /** A customer that Stripe never had is another account's, unless it has what we sell: else all would look ended there. */
  private async assertOurAccount(customer: string): Promise<void> {
    if (await this.stripe.customer(customer)) return;
    const plans = await this.em.fork().find(Plan, { stripePriceId: { $ne: null } });
    for (const { stripePriceId } of plans) if (await this.stripe.price(stripePriceId as string)) return;
    if (plans.length === 0) return;
    throw new Conflict("Stripe has neither this user's customer nor our prices. Whose key do we ask with?", {
      retryable: true,
    });
  }

  /** All that one customer at Stripe is charged for, or could be charged with. @throws as {@link close} */
  async closeAtStripe(userId: string, customer: string): Promise<void> {
    for (let round = 0; ; round++) {
      if (round === ROUNDS)
        throw new Conflict("Something of this user is being paid just now. Try again in a moment.", {
          retryable: true,
        });
      if ((await this.endWhatIsLive(userId, customer)) === 0) break;
    }
    await this.detachAll(userId, customer);
  }

  /** First the forms by which another method could still be added; Stripe's own, of a page, close with the page. */
  private async detachAll(userId: string, customer: string): Promise<void> {
    for (const { id: subject } of await this.ofOneThatIs(() =>
      this.stripe.methods.openSetupIntents(customer),
    )) {
      const request = { userId, kind: "cancel-setup-intent", subject, params: { customer } } as const;
      await this.tolerating(() => this.intents.runToEnd(request));
    }
    for (const { id: subject } of await this.ofOneThatIs(() => this.stripe.paymentMethods(customer))) {
      const params = { customer, isForgotten: true };
      const request = { userId, kind: "remove-payment-method", subject, params } as const;
      await this.tolerating(() => this.intents.runToEnd(request));
    }
  }

  /**
   * How much was ended, or was found paid for. An invoice that Stripe does not void (a bank works on its money) stays, and
   * is settled under nobody's name. @throws Conflict for a subscription that Stripe refuses to end
   */
  private async endWhatIsLive(userId: string, customer: string): Promise<number> {
    const sessions = await this.pages("checkout_session", customer);
    const subscriptions = await this.ofOneThatIs(() => this.stripe.methods.subscriptionsOf(customer));
    const invoices = await this.pages("invoice", customer);
    let ended = 0;
    for (const { id } of sessions.filter(({ status }) => status === "open")) {
      await this.end(userId, "expire-checkout-session", id);
      // one that could not be closed has been paid: what it made was not there yet when all was listed
      ended += 1;
    }
    for (const { id } of subscriptions.filter(({ status }) => !ENDED.includes(status))) {
      await this.cancel(userId, id);
      ended += 1;
    }
    for (const { id } of invoices.filter(isUnpaid)) ended += await this.end(userId, "void-purchase", id);
    return ended;
  }

  /**
   * Subscriptions that our rows call live and that are not among the customer's: ended at Stripe, and its event was lost;
   * or another customer's. One that Stripe does not have charges nobody, if Stripe has the price that it was sold by:
   * else it is another account that we ask.
   */
  private async endWhatRowsSay(userId: string): Promise<void> {
    const known = { userId, status: { $nin: [...ENDED_STATUSES] } };
    for (const { stripeSubscriptionId: id, stripePriceId } of await this.em
      .fork()
      .find(Subscription, known)) {
      const arrival = await this.parts.sync.subscription(id);
      if (arrival === "gone" && (await this.stripe.price(stripePriceId)))
        await this.parts.sync.subscriptionIsGone(id);
      else if (await this.em.fork().findOne(Subscription, { ...known, stripeSubscriptionId: id }))
        await this.cancel(userId, id);
    }
  }

  private async cancel(userId: string, subject: string): Promise<void> {
    const params = { change: "cancel-now", comment: null, prorate: false };
    await this.insisting(() =>
      this.intents.runToEnd({ userId, kind: "change-subscription", subject, params }),
    );
  }

  private end(
    userId: string,
    kind: "expire-checkout-session" | "void-purchase",
    subject: string,
  ): Promise<number> {
    return this.tolerating(() => this.intents.runToEnd({ userId, kind, subject, params: {} }));
  }

  /** 1 when it was done, 0 when Stripe refused it. @throws UserAnonymized when another call has severed the user meanwhile */
  private async tolerating(change: () => Promise<unknown>): Promise<number> {
    try {
      await change();
      return 1;
    } catch (error) {
      if (error instanceof UserAnonymized || !isRefusal(error)) throw error;
      this.parts.logger.warn({ err: error }, "something of a user who is anonymised could not be ended");
      return 0;
    }
  }

  /** What has to end is tried again by itself, whatever Stripe has against it now. */
  private async insisting(change: () => Promise<unknown>): Promise<void> {
    if ((await this.tolerating(change)) === 0)
      throw new Conflict("A subscription of this user could not be ended. It is tried again by itself.", {
        retryable: true,
      });
  }

  /** What was bought opens nothing any more, whatever its money says; all else that was given ends. */
  private async endAccess(userId: string, author: Author): Promise<void> {
    await this.parts.road.follow(userId, null, async (heard) => {
      const write = heard.by(author);
      const { tx, now } = write;
      for (const purchase of await tx.find(Purchase, { userId, withdrawnAt: null })) {
        Object.assign(purchase, { withdrawnAt: now, version: purchase.version + 1 });
        await followPurchase(write, purchase.id);
      }
      for (const grant of await tx.find(UserAccess, { userId, revokedAt: null }))
        write.access.end(write, grant);
    });
  }

  private async pages<K extends "checkout_session" | "invoice">(
    kind: K,
    customer: string,
  ): Promise<PageOf<K>["objects"]> {
    const all: PageOf<K>["objects"] = [];
    for (let after: string | null = null; ; ) {
      const page: PageOf<K> = await this.pageOf(kind, customer, after);
      all.push(...page.objects);
      after = page.objects.at(-1)?.id ?? null;
      if (!page.hasMore || after === null) return all;
    }
  }

  private async pageOf<K extends ListedKind>(
    kind: K,
    customer: string,
    after: string | null,
  ): Promise<PageOf<K>> {
    try {
      return await this.stripe.page(kind, { customer, after });
    } catch (error) {
      if (isMissing(error)) return { objects: [], hasMore: false };
      throw error;
    }
  }

  /** Nothing of a customer that Stripe does not know (any more). */
  private ofOneThatIs<T>(list: () => Promise<T[]>): Promise<T[]> {
    return list().catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
  }
}

const isUnpaid = ({ status }: Stripe.Invoice) => ["open", "draft", "uncollectible"].includes(status ?? "");
