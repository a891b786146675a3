import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { isRefusal } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import type { Logger } from "../logger.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { USER_ID } from "../stripe/metadata.ts";
import { knownOwner } from "../sync/known.ts";
import { pseudonymFor } from "../sync/nobodys.ts";
import type { BillingClosing } from "./billing-closing.ts";

/**
 * Customers at Stripe that carry a user's id and are not the user's one: made by hand, or in a race that was lost. None of
 * our rows knows them; one that appears later is blanked when Stripe tells of it.
 */
export class StrayCustomers {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly closing: BillingClosing,
    private readonly intents: Intents,
    private readonly parts: { clock: Clock; logger: Logger },
  ) {}

  /** Ends and blanks all that carry the id of somebody who has been severed, each under a pseudonym of its own. */
  async blank(userId: string): Promise<void> {
    for (const id of await this.named(userId)) {
      // search tells what was so a moment ago
      const customer = await this.stripe.customer(id);
      if (!customer || customer.deleted || customer.metadata[USER_ID] !== userId) continue;
      const pseudonym = pseudonymFor(id, await knownOwner(this.em.fork(), id));
      if (!pseudonym) continue;
      await this.closing.closeAtStripe(pseudonym, id);
      await this.intents.run({ userId: pseudonym, kind: "blank-customer", subject: id, params: {} });
    }
  }

  private async named(userId: string): Promise<Set<string>> {
    const recent = await this.stripe.customers.recent(USER_ID, userId, this.parts.clock.now());
    const found = await this.stripe.customers.found(USER_ID, userId).catch((error: unknown) => {
      // an account in a country where Stripe has no search
      if (!isRefusal(error)) throw error;
      this.parts.logger.warn({ err: error }, "customers with a user's id could not be looked for");
      return [];
    });
    return new Set([...recent, ...found]);
  }
}
