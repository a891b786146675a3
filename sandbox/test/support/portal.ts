import type Stripe from "stripe";
import { premium, type TestSandbox } from "./sandbox.ts";

type Features = Stripe.BillingPortal.ConfigurationCreateParams.Features;

/** A customer with a card, who may do everything in the portal that it can do. */
export class PortalCustomer {
  private readonly box: TestSandbox;
  readonly customer: Stripe.Customer;
  readonly monthly: Stripe.Price;
  readonly yearly: Stripe.Price;

  private constructor(
    box: TestSandbox,
    customer: Stripe.Customer,
    monthly: Stripe.Price,
    yearly: Stripe.Price,
  ) {
    this.box = box;
    this.customer = customer;
    this.monthly = monthly;
    this.yearly = yearly;
  }

  static async start(box: TestSandbox): Promise<PortalCustomer> {
    const monthly = await premium(box.stripe);
    const yearly = await box.stripe.prices.create({
      product: String(monthly.product),
      currency: "usd",
      unit_amount: 39_000,
      recurring: { interval: "year" },
    });
    const customer = await box.stripe.customers.create({
      email: "ada@example.com",
      payment_method: "pm_card_visa",
      invoice_settings: { default_payment_method: "pm_card_visa" },
    });
    return new PortalCustomer(box, customer, monthly, yearly);
  }

  everything(): Features {
    const { monthly, yearly } = this;
    return {
      customer_update: { enabled: true, allowed_updates: ["email", "name"] },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: {
        enabled: true,
        mode: "at_period_end",
        cancellation_reason: { enabled: true, options: ["too_expensive", "other"] },
      },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ["price", "quantity", "promotion_code"],
        products: [{ product: String(monthly.product), prices: [monthly.id, yearly.id] }],
        proration_behavior: "always_invoice",
      },
    };
  }

  configure(features: Features = this.everything()) {
    const default_return_url = "http://shop.test/account";
    return this.box.stripe.billingPortal.configurations.create({ features, default_return_url });
  }

  open(params: Partial<Stripe.BillingPortal.SessionCreateParams> = {}) {
    return this.box.stripe.billingPortal.sessions.create({ customer: this.customer.id, ...params });
  }

  subscribe(params: Partial<Stripe.SubscriptionCreateParams> = {}) {
    const items = [{ price: this.monthly.id }];
    return this.box.stripe.subscriptions.create({ customer: this.customer.id, items, ...params });
  }

  /** What the customer does on the page, by the sandbox's own path for it. */
  visit(session: Stripe.BillingPortal.Session, act: string, body: object = {}) {
    return this.box.control(`/portal/sessions/${session.id}/${act}`, body);
  }
}
