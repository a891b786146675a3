import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";
import { payer, priceOf, TestClock } from "./subscribing.ts";

/** The first of April, a month of 30 days: of a price of 30 dollars a month, a dollar a day. */
export const START = "2026-04-01T00:00:00Z";
/** The middle of that month. */
export const HALF = "2026-04-16T00:00:00Z";

/** A customer on a test clock who has paid 30 dollars a month by card since `START`. */
export class Subscriber {
  private readonly stripe: Stripe;
  readonly clock: TestClock;
  readonly customer: Stripe.Customer;
  readonly price: Stripe.Price;
  /** The latest that was begun, as it was then. */
  subscription!: Stripe.Subscription;

  private constructor(box: TestSandbox, clock: TestClock, customer: Stripe.Customer, price: Stripe.Price) {
    this.stripe = box.stripe;
    this.clock = clock;
    this.customer = customer;
    this.price = price;
  }

  static async start(box: TestSandbox): Promise<Subscriber> {
    const clock = await TestClock.start(box, START);
    const customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
    const subscriber = new Subscriber(box, clock, customer, await priceOf(box, 3000));
    await subscriber.subscribe();
    return subscriber;
  }

  /** A subscription of the customer, to the price unless others are given. */
  async subscribe(params: Partial<Stripe.SubscriptionCreateParams> = {}): Promise<Stripe.Subscription> {
    const items = [{ price: this.price.id }];
    this.subscription = await this.stripe.subscriptions.create({
      customer: this.customer.id,
      items,
      ...params,
    });
    return this.subscription;
  }

  /** The id of its first item. */
  get item(): string {
    return this.subscription.items.data[0]!.id;
  }

  /** Changes the latest subscription, and reads it with its latest invoice. */
  update(params: Stripe.SubscriptionUpdateParams): Promise<Stripe.Subscription> {
    return this.stripe.subscriptions.update(this.subscription.id, { expand: ["latest_invoice"], ...params });
  }

  /** The latest subscription as it is now, with its latest invoice. */
  current(): Promise<Stripe.Subscription> {
    return this.stripe.subscriptions.retrieve(this.subscription.id, { expand: ["latest_invoice"] });
  }

  /** The amounts that wait for the next invoice, oldest first. */
  async pending(): Promise<number[]> {
    const { data } = await this.stripe.invoiceItems.list({ customer: this.customer.id, pending: true });
    return data.map(({ amount }) => amount).reverse();
  }
}

/** The latest invoice of a subscription that was read with it. */
export const invoiceOf = (subscription: Stripe.Subscription): Stripe.Invoice =>
  subscription.latest_invoice as Stripe.Invoice;

export const amountsOf = ({ lines }: Stripe.Invoice): number[] => lines.data.map(({ amount }) => amount);
