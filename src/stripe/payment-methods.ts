import type Stripe from "stripe";
import { StripeCalls } from "./calls.ts";
import { OUR_PORTAL } from "./metadata.ts";

const PAGE = 100;
/** Of setup intents: what nothing comes of any more. */
export const SETTLED: readonly string[] = ["succeeded", "canceled"];

/** Calls about how a customer pays: their methods, which one is charged, and the pages where they add one. */
export class PaymentMethodCalls extends StripeCalls {
  find(id: string): Promise<Stripe.PaymentMethod | null> {
    return this.read("paymentMethods.retrieve", () => this.stripe.paymentMethods.retrieve(id));
  }

  attach(id: string, customer: string, idempotencyKey: string): Promise<Stripe.PaymentMethod> {
    return this.call("paymentMethods.attach", () =>
      this.stripe.paymentMethods.attach(id, { customer }, { idempotencyKey }),
    );
  }

  detach(id: string, idempotencyKey: string): Promise<Stripe.PaymentMethod> {
    return this.call("paymentMethods.detach", () =>
      this.stripe.paymentMethods.detach(id, {}, { idempotencyKey }),
    );
  }

  /** Takes the holder's name and address from a method, which it keeps for ever once it is nobody's. */
  forgetHolder(id: string, idempotencyKey: string): Promise<Stripe.PaymentMethod> {
    const billing_details = { address: "", email: "", name: "", phone: "" } as const;
    return this.call("paymentMethods.update", () =>
      this.stripe.paymentMethods.update(id, { billing_details }, { idempotencyKey }),
    );
  }

  /** What is charged where a subscription names no method of its own. */
  makeDefault(customer: string, method: string, idempotencyKey: string): Promise<Stripe.Customer> {
    const params = { invoice_settings: { default_payment_method: method } };
    return this.call("customers.update", () =>
      this.stripe.customers.update(customer, params, { idempotencyKey }),
    );
  }

  /** The customer's subscriptions that have not ended, each with its schedule. */
  subscriptionsOf(customer: string): Promise<Stripe.Subscription[]> {
    return this.call("subscriptions.list", () =>
      this.stripe.subscriptions
        .list({ customer, limit: PAGE, expand: ["data.schedule"] })
        .autoPagingToArray({ limit: 1_000 }),
    );
  }

  payWith(subscription: string, method: string, idempotencyKey: string): Promise<Stripe.Subscription> {
    const params = { default_payment_method: method };
    return this.call("subscriptions.update", () =>
      this.stripe.subscriptions.update(subscription, params, { idempotencyKey }),
    );
  }

  createSetupIntent(
    params: Stripe.SetupIntentCreateParams,
    idempotencyKey: string,
  ): Promise<Stripe.SetupIntent> {
    return this.call("setupIntents.create", () =>
      this.stripe.setupIntents.create(params, { idempotencyKey }),
    );
  }

  setupIntent(id: string): Promise<Stripe.SetupIntent | null> {
    return this.read("setupIntents.retrieve", () => this.stripe.setupIntents.retrieve(id));
  }

  /** The customer's setup intents by which a method may still be added. */
  openSetupIntents(customer: string): Promise<Stripe.SetupIntent[]> {
    return this.call("setupIntents.list", async () => {
      const open: Stripe.SetupIntent[] = [];
      for await (const setup of this.stripe.setupIntents.list({ customer, limit: PAGE }))
        if (!SETTLED.includes(setup.status)) open.push(setup);
      return open;
    });
  }

  cancelSetupIntent(id: string, idempotencyKey: string): Promise<Stripe.SetupIntent> {
    return this.call("setupIntents.cancel", () =>
      this.stripe.setupIntents.cancel(id, {}, { idempotencyKey }),
    );
  }

  /** The customer's setup intent made by an intent of ours. */
  async setupIntentByMetadata(customer: string, key: string, value: string) {
    return this.call("setupIntents.list", async () => {
      for await (const setup of this.stripe.setupIntents.list({ customer, limit: PAGE }))
        if (setup.metadata?.[key] === value) return setup;
      return null;
    });
  }

  /** The portal configuration that `npm run stripe:setup` made. */
  portalConfiguration(): Promise<string | null> {
    return this.call("billingPortal.configurations.list", async () => {
      const params = { active: true, limit: PAGE };
      for await (const { id, metadata } of this.stripe.billingPortal.configurations.list(params))
        if (metadata?.cmh_managed === OUR_PORTAL.cmh_managed) return id;
      return null;
    });
  }

  /** @param idempotencyKey the same one gives the same session, for at least a day */
  createPortalSession(
    params: Stripe.BillingPortal.SessionCreateParams,
    idempotencyKey?: string,
  ): Promise<Stripe.BillingPortal.Session> {
    return this.call("billingPortal.sessions.create", () =>
      this.stripe.billingPortal.sessions.create(params, idempotencyKey ? { idempotencyKey } : {}),
    );
  }
}
