import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";
import { payer, priceOf, TestClock } from "./subscribing.ts";

/** How long a phase lasts. */
export const month = { interval: "month" as const, interval_count: 1 };

/** A phase of a month at a price. */
export const phase = (price: Stripe.Price, more: object = {}) => ({
  items: [{ price: price.id, quantity: 1 }],
  duration: month,
  ...more,
});

/** A customer on a test clock from the first of April, whose subscriptions are scheduled. */
export class Scheduler {
  private readonly box: TestSandbox;
  readonly clock: TestClock;
  readonly customer: Stripe.Customer;
  /** 30 dollars a month. */
  readonly basic: Stripe.Price;
  /** 60 dollars a month. */
  readonly plus: Stripe.Price;

  private constructor(box: TestSandbox, clock: TestClock, customer: Stripe.Customer, prices: Stripe.Price[]) {
    this.box = box;
    this.clock = clock;
    this.customer = customer;
    [this.basic, this.plus] = prices as [Stripe.Price, Stripe.Price];
  }

  static async start(box: TestSandbox): Promise<Scheduler> {
    const clock = await TestClock.start(box, "2026-04-01T00:00:00Z");
    const customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
    return new Scheduler(box, clock, customer, [await priceOf(box, 3000), await priceOf(box, 6000)]);
  }

  create(phases: object[], params: Stripe.SubscriptionScheduleCreateParams = {}) {
    return this.box.stripe.subscriptionSchedules.create({
      customer: this.customer.id,
      start_date: "now",
      phases: phases as Stripe.SubscriptionScheduleCreateParams.Phase[],
      ...params,
    });
  }

  subscriptionOf({ subscription, released_subscription }: Stripe.SubscriptionSchedule) {
    return this.box.stripe.subscriptions.retrieve(String(subscription ?? released_subscription), {
      expand: ["latest_invoice"],
    });
  }

  /** The amounts on each invoice of a subscription, oldest first. */
  async invoices(subscription: string): Promise<number[][]> {
    const { data } = await this.box.stripe.invoices.list({ subscription });
    return data.reverse().map(({ lines }) => lines.data.map(({ amount }) => amount));
  }
}
