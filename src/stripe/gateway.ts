import Stripe from "stripe";
import type { Config } from "../config.ts";
import type { Metrics } from "../metrics.ts";
import { StripeCalls } from "./calls.ts";
import { CustomerCalls } from "./customers.ts";
import { InvoiceCalls } from "./invoices.ts";
import { LISTS, type ListedKind, type ListRange, type PageOf } from "./listings.ts";
import { PaymentMethodCalls } from "./payment-methods.ts";
import { PromotionCalls } from "./promotions.ts";
import { SubscriptionCalls } from "./subscriptions.ts";

/** One try; all of them together end by the deadline of whoever waits. */
const TIMEOUT_MS = 4_500;
const RETRIES = 2;
const PAGE = 100;
const WITH_SUBSCRIPTION = [
  "latest_invoice",
  "schedule.phases.items.price",
  "default_payment_method",
  "customer.invoice_settings.default_payment_method",
];
const WITH_CHARGE = ["data.refunds", "data.payment_intent"];
/** By how much Stripe's clock and ours may differ. */
const CLOCKS_DISAGREE_MS = 3_600_000;

/** stripe-node for a configuration; with a base other than Stripe's own in development and tests. */
export function stripeClient(
  config: Pick<Config["stripe"], "secretKey" | "apiBase">,
  httpClient?: Stripe.HttpClient,
): Stripe {
  const base = new URL(config.apiBase);
  return new Stripe(config.secretKey, {
    host: base.hostname,
    port: base.port || (base.protocol === "http:" ? 80 : 443),
    protocol: base.protocol === "http:" ? "http" : "https",
    timeout: TIMEOUT_MS,
    maxNetworkRetries: RETRIES,
    telemetry: false,
    ...(httpClient && { httpClient }),
    appInfo: { name: "cloudmastershub-payment-service" },
  });
}

/** The one place that calls Stripe while the service runs; see {@link StripeCalls} for what it throws. */
export class StripeGateway extends StripeCalls {
  readonly customers: CustomerCalls;
  readonly methods: PaymentMethodCalls;
  readonly promotions: PromotionCalls;
  readonly subscriptions: SubscriptionCalls;
  readonly invoices: InvoiceCalls;

  constructor(stripe: Stripe, metrics: Metrics) {
    super(stripe, metrics);
    this.customers = new CustomerCalls(stripe, metrics);
    this.methods = new PaymentMethodCalls(stripe, metrics);
    this.promotions = new PromotionCalls(stripe, metrics);
    this.subscriptions = new SubscriptionCalls(stripe, metrics);
    this.invoices = new InvoiceCalls(stripe, metrics);
  }

  customer(id: string): Promise<Stripe.Customer | Stripe.DeletedCustomer | null> {
    return this.read("customers.retrieve", () => this.stripe.customers.retrieve(id));
  }

  paymentMethods(customerId: string): Promise<Stripe.PaymentMethod[]> {
    return this.call("customers.listPaymentMethods", () =>
      this.stripe.customers
        .listPaymentMethods(customerId, { limit: PAGE })
        .autoPagingToArray({ limit: 1_000 }),
    );
  }

  checkoutSession(id: string): Promise<Stripe.Checkout.Session | null> {
    return this.read("checkout.sessions.retrieve", () => this.stripe.checkout.sessions.retrieve(id));
  }

  /** With its latest invoice, its schedule with the prices of each phase, and the method that it is paid with. */
  subscription(id: string): Promise<Stripe.Subscription | null> {
    return this.read("subscriptions.retrieve", () =>
      this.stripe.subscriptions.retrieve(id, { expand: WITH_SUBSCRIPTION }),
    );
  }

  invoice(id: string): Promise<Stripe.Invoice | null> {
    return this.read("invoices.retrieve", () => this.stripe.invoices.retrieve(id, { expand: ["payments"] }));
  }

  /** All lines of an invoice; the ones within the invoice are only the first page. */
  async invoiceLines(invoice: Stripe.Invoice): Promise<Stripe.InvoiceLineItem[]> {
    if (!invoice.lines.has_more) return invoice.lines.data;
    return this.call("invoices.listLineItems", () =>
      this.stripe.invoices.listLineItems(invoice.id, { limit: PAGE }).autoPagingToArray({ limit: 10_000 }),
    );
  }

  /** All links of an invoice to its payments; the ones within the invoice are only the first page. */
  async paymentsOfInvoice(invoice: Stripe.Invoice): Promise<Stripe.InvoicePayment[]> {
    if (invoice.payments && !invoice.payments.has_more) return invoice.payments.data;
    return this.call("invoicePayments.list", () =>
      this.stripe.invoicePayments
        .list({ invoice: invoice.id, limit: PAGE })
        .autoPagingToArray({ limit: 1_000 }),
    );
  }

  paymentIntent(id: string): Promise<Stripe.PaymentIntent | null> {
    return this.read("paymentIntents.retrieve", () => this.stripe.paymentIntents.retrieve(id));
  }

  /**
   * Every attempt to collect a payment, oldest first, each with the payment and the first page of its refunds; none of
   * one that Stripe does not have.
   */
  async charges(paymentIntentId: string): Promise<Stripe.Charge[]> {
    const charges = await this.read("charges.list", () =>
      this.stripe.charges
        .list({ payment_intent: paymentIntentId, limit: PAGE, expand: WITH_CHARGE })
        .autoPagingToArray({ limit: 1_000 }),
    );
    return charges?.reverse() ?? [];
  }

  /** All refunds of a charge; the ones within the charge are only the first page. */
  async refundsOf(charge: Stripe.Charge): Promise<Stripe.Refund[]> {
    if (charge.refunds && !charge.refunds.has_more) return charge.refunds.data;
    return this.call("refunds.list", () =>
      this.stripe.refunds.list({ charge: charge.id, limit: PAGE }).autoPagingToArray({ limit: 1_000 }),
    );
  }

  createRefund(params: Stripe.RefundCreateParams, idempotencyKey: string): Promise<Stripe.Refund> {
    return this.call("refunds.create", () => this.stripe.refunds.create(params, { idempotencyKey }));
  }

  /** The payment's refund made by an intent. */
  async refundByMetadata(paymentIntentId: string, key: string, value: string) {
    return this.call("refunds.list", async () => {
      for await (const refund of this.stripe.refunds.list({ payment_intent: paymentIntentId, limit: PAGE }))
        if (refund.metadata?.[key] === value) return refund;
      return null;
    });
  }

  /** All disputes of a payment, inquiries included. */
  disputes(paymentIntentId: string): Promise<Stripe.Dispute[]> {
    return this.call("disputes.list", () =>
      this.stripe.disputes
        .list({ payment_intent: paymentIntentId, limit: PAGE })
        .autoPagingToArray({ limit: 1_000 }),
    );
  }

  /** What links a payment intent to the invoices it pays. */
  invoicePayments(paymentIntentId: string): Promise<Stripe.InvoicePayment[]> {
    return this.call("invoicePayments.list", () =>
      this.stripe.invoicePayments
        .list({ payment: { type: "payment_intent", payment_intent: paymentIntentId }, limit: PAGE })
        .autoPagingToArray({ limit: 1_000 }),
    );
  }

  /** With its product. */
  price(id: string): Promise<Stripe.Price | null> {
    return this.read("prices.retrieve", () => this.stripe.prices.retrieve(id, { expand: ["product"] }));
  }

  /** The ids of a product's prices, archived ones included. */
  async pricesOf(productId: string): Promise<string[]> {
    const prices = await this.read("prices.list", () =>
      this.stripe.prices.list({ product: productId, limit: PAGE }).autoPagingToArray({ limit: 10_000 }),
    );
    return prices?.map(({ id }) => id) ?? [];
  }

  createCustomer(params: Stripe.CustomerCreateParams, idempotencyKey: string): Promise<Stripe.Customer> {
    return this.call("customers.create", () => this.stripe.customers.create(params, { idempotencyKey }));
  }

  updateCustomer(
    id: string,
    params: Stripe.CustomerUpdateParams,
    idempotencyKey: string,
  ): Promise<Stripe.Customer> {
    return this.call("customers.update", () => this.stripe.customers.update(id, params, { idempotencyKey }));
  }

  createCheckoutSession(
    params: Stripe.Checkout.SessionCreateParams,
    idempotencyKey: string,
  ): Promise<Stripe.Checkout.Session> {
    return this.call("checkout.sessions.create", () =>
      this.stripe.checkout.sessions.create(params, { idempotencyKey }),
    );
  }

  expireCheckoutSession(id: string, idempotencyKey: string): Promise<Stripe.Checkout.Session> {
    return this.call("checkout.sessions.expire", () =>
      this.stripe.checkout.sessions.expire(id, {}, { idempotencyKey }),
    );
  }

  /** The customer made by an intent at or after a moment, found through the list since search lags. */
  async customerByMetadata(key: string, value: string, since: Date): Promise<Stripe.Customer | null> {
    const created = { gte: Math.floor((since.getTime() - CLOCKS_DISAGREE_MS) / 1000) };
    return this.call("customers.list", async () => {
      for await (const customer of this.stripe.customers.list({ created, limit: PAGE }))
        if (customer.metadata[key] === value) return customer;
      return null;
    });
  }

  /** The customer's Checkout session made by an intent. */
  async checkoutSessionByMetadata(customerId: string, key: string, value: string) {
    return this.call("checkout.sessions.list", async () => {
      for await (const session of this.stripe.checkout.sessions.list({ customer: customerId, limit: PAGE }))
        if (session.metadata?.[key] === value) return session;
      return null;
    });
  }

  /** One page of a list, newest first: for those who look at everything. */
  async page<K extends ListedKind>(kind: K, { after, ...range }: ListRange): Promise<PageOf<K>> {
    const params = { ...range, ...(after && { starting_after: after }), limit: PAGE };
    const { data, has_more } = await this.call(`${kind}.list`, () => LISTS[kind](this.stripe, params));
    return { objects: data, hasMore: has_more };
  }
}
