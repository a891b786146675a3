import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import { Customer } from "../entities/customer.ts";
import type { Intents } from "../intents/intents.ts";

/** Users as Stripe's customers: one each, however many calls ask for it at once. */
export class CustomerService {
  constructor(
    private readonly em: EntityManager,
    private readonly intents: Intents,
  ) {}

  /** Whether somebody's Stripe customer is known, and not to have been deleted. */
  async isThere(stripeCustomerId: string): Promise<boolean> {
    return (await this.em.fork().count(Customer, { stripeCustomerId, isDeleted: false })) > 0;
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
