import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import { AnonymizedUser } from "../entities/anonymized-user.ts";
import { Customer } from "../entities/customer.ts";
import { UserAnonymized } from "../errors.ts";
import type { Intents } from "../intents/intents.ts";
import { isMissing } from "../stripe/errors.ts";
import type { Sync } from "../sync/sync.ts";

/** Users as Stripe's customers: one each, however many calls ask for it at once. */
export class CustomerService {
  constructor(
    private readonly em: EntityManager,
    private readonly intents: Intents,
    private readonly sync: Sync,
  ) {}

  /** Looks whether Stripe still knows a customer, and notes it when it does not. */
  async hasLost(stripeCustomerId: string): Promise<boolean> {
    await this.sync.customer(stripeCustomerId);
    return (await this.em.fork().count(Customer, { stripeCustomerId, isDeleted: false })) === 0;
  }

  /** Work with the caller's customer; with a new one when Stripe does not know the first any more. */
  async use<T>(caller: Caller, work: (stripeCustomerId: string) => Promise<T>): Promise<T> {
    const customer = await this.ensure(caller);
    try {
      return await work(customer);
    } catch (error) {
      if (!isMissing(error) || !(await this.hasLost(customer))) throw error;
      return work(await this.ensure(caller));
    }
  }

  /** @throws UserAnonymized for one who is being anonymised, or was */
  async assertGoesOn(userId: string): Promise<void> {
    if ((await this.em.fork().count(AnonymizedUser, { userId })) > 0) throw new UserAnonymized();
  }

  /** The user's Stripe customer; null when there is none (any more). */
  async find(userId: string): Promise<string | null> {
    const known = await this.em.fork().findOne(Customer, { userId, isDeleted: false });
    return known?.stripeCustomerId ?? null;
  }

  /** The caller's Stripe customer, made when there is none yet. */
  async ensure(caller: Caller): Promise<string> {
    const userId = caller.ownId();
    const known = await this.em.fork().findOne(Customer, { userId });
    if (known && !known.isDeleted) return known.stripeCustomerId;
    return this.intents.run({
      userId,
      kind: "create-customer",
      subject: known ? `after:${known.stripeCustomerId}` : "customer",
      params: { ...(caller.email && { email: caller.email }) },
    });
  }
}
