import type { Caller } from "../auth/caller.ts";
import type { Config } from "../config.ts";
import { hashOf } from "../hash.ts";
import type { Logger } from "../logger.ts";
import { assertReturnUrl } from "../return-url.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { BillingPortalSession } from "../types/results.ts";
import type { CustomerService } from "./customer.service.ts";
import type { IdempotencyService } from "./idempotency.service.ts";

/** What portal sessions are made with. */
export interface BillingPortalParts {
  stripe: StripeGateway;
  customers: CustomerService;
  idempotency: IdempotencyService;
  logger: Logger;
}

/** What a session is of; kept in place of its address, from which Stripe gives the same one again. */
interface PortalRequest {
  customer: string;
  configuration: string | null;
}

/** Stripe's own pages, where a customer cancels, changes cards and finds invoices. */
export class BillingPortalService {
  constructor(
    private readonly config: Config,
    private readonly parts: BillingPortalParts,
  ) {}

  /**
   * A session of the caller's. Its address is a secret that lives an hour and is kept nowhere: under the same key
   * Stripe itself gives the same one again, for a day. @throws BadUserInput for a URL that is not ours
   */
  async create(caller: Caller, returnUrl: string, key: string | null): Promise<BillingPortalSession> {
    caller.ownId();
    assertReturnUrl(this.config, "returnUrl", returnUrl);
    let made: BillingPortalSession | undefined;
    const open = async ({ customer, configuration }: PortalRequest) => {
      // at Stripe's pages a plan is changed and a cancel taken back: nobody who is being anonymised is let in
      await this.parts.customers.assertGoesOn(caller.id);
      const { url } = await this.parts.stripe.methods.createPortalSession(
        { customer, return_url: returnUrl, ...(configuration && { configuration }) },
        key === null ? undefined : `portal:${hashOf([caller.actor, key, customer])}`,
      );
      made = { url };
      return made;
    };
    return this.parts.idempotency.run({
      ...{ caller, key, operation: "createBillingPortalSession", input: { returnUrl } },
      work: async () => {
        const configuration = await this.configuration();
        return this.parts.customers.use(caller, async (customer) => {
          const request: PortalRequest = { customer, configuration };
          await open(request);
          return JSON.stringify(request);
        });
      },
      read: async (reference) => made ?? open(JSON.parse(reference) as PortalRequest),
    });
  }

  private async configuration(): Promise<string | null> {
    const ours = await this.parts.stripe.methods.portalConfiguration();
    if (!ours)
      this.parts.logger.warn("the billing portal is the account's default: run npm run stripe:setup");
    return ours;
  }
}
