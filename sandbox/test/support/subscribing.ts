import type Stripe from "stripe";
import { DAY_SECONDS } from "../../clock.ts";
import type { TestSandbox } from "./sandbox.ts";

export const at = (iso: string): number => Date.parse(iso) / 1000;
export const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19);

/** A recurring price of a new product, in cents a month unless it is said otherwise. */
export async function priceOf(
  { stripe }: TestSandbox,
  unit_amount: number,
  params: Partial<Stripe.PriceCreateParams> = {},
): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: `Plan ${unit_amount}` });
  return stripe.prices.create({
    product: product.id,
    currency: "usd",
    unit_amount,
    recurring: { interval: "month" },
    ...params,
  });
}

/** A customer whose default method is the card; on a test clock if one is given. */
export async function payer(
  { stripe }: TestSandbox,
  card = "pm_card_visa",
  params: Stripe.CustomerCreateParams = {},
): Promise<Stripe.Customer> {
  return stripe.customers.create({
    email: "ada@example.com",
    payment_method: card,
    invoice_settings: { default_payment_method: card },
    ...params,
  });
}

/** Gives a customer another default card. */
export async function useCard({ stripe }: TestSandbox, customer: string, card: string): Promise<string> {
  const { id } = await stripe.paymentMethods.attach(card, { customer });
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
  return id;
}

/** A test clock, and the means to move it. */
export class TestClock {
  private readonly box: TestSandbox;
  readonly id: string;

  private constructor(box: TestSandbox, id: string) {
    this.box = box;
    this.id = id;
  }

  static async start(box: TestSandbox, start: string): Promise<TestClock> {
    const { id } = await box.stripe.testHelpers.testClocks.create({ frozen_time: at(start) });
    return new TestClock(box, id);
  }

  /** Moves to a moment, in steps of so many days: a clock may not be moved by more than two periods at once. */
  async to(moment: string | number, step = 25): Promise<void> {
    const target = typeof moment === "number" ? moment : at(moment);
    for (;;) {
      const { frozen_time } = await this.box.stripe.testHelpers.testClocks.retrieve(this.id);
      if (frozen_time >= target) return;
      const seconds = Math.min(target - frozen_time, step * DAY_SECONDS);
      const { status, body } = await this.box.control("/advance", { clock: this.id, seconds });
      if (status !== 200 || body.status !== "ready") throw new Error(JSON.stringify(body));
    }
  }
}

/** The types of the events since the latest call, leaving out what is told of other things. */
export function eventLog(box: TestSandbox) {
  let seen = new Set<string>();
  return async (...besides: string[]): Promise<string[]> => {
    const events = await box.events();
    const fresh = events.filter(({ id }) => !seen.has(id));
    seen = new Set(events.map(({ id }) => id));
    return fresh
      .map(({ type }) => type)
      .filter(
        (type) => !besides.some((prefix) => type.startsWith(prefix)) && !type.startsWith("test_helpers"),
      );
  };
}

/** Looks that a customer whose subscription was refused has no trace of it. */
export async function nothingIsKept({ stripe }: TestSandbox, customer: string): Promise<void> {
  expect((await stripe.subscriptions.list({ customer, status: "all" })).data).toEqual([]);
  expect((await stripe.invoices.list({ customer })).data).toEqual([]);
  expect((await stripe.charges.list({ customer })).data).toEqual([]);
}
