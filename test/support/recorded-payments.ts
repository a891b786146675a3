import type Stripe from "stripe";
import { LISTENED_EVENTS } from "../../src/webhooks/event-table.ts";
import { newUser, type TestService } from "./service.ts";
import { stripeOf } from "./stripe.ts";

/** Payments that were made at Stripe while nobody listened, as the events that tell of them. */
export interface Recorded {
  service: TestService;
  events: Stripe.Event[];
  users: string[];
  /** Two changes of one customer within the same second. */
  twoWithinASecond(): Promise<[first: Change, second: Change]>;
}
interface Change {
  event: Stripe.Event;
  customer: string;
  /** What the customer's address is from then on. */
  email: string;
}

const AT_ONCE = 8;

/**
 * Lets learners subscribe at Stripe until at least so many events of the kinds that the service listens to are recorded. They
 * come in the order in which they were recorded, many of them in one second.
 */
export async function recordPayments(
  service: TestService,
  count: number,
  onProgress: (events: number) => void = () => {},
): Promise<Recorded> {
  const stripe = stripeOf(service);
  const { data: prices } = await stripe.prices.list({ active: true, type: "recurring" });
  const users: string[] = [];
  const subscribe = async () => {
    const user = newUser();
    users.push(user);
    const customer = await stripe.customers.create({
      ...{ email: `${user}@example.com`, metadata: { cmh_user_id: user } },
    });
    const session = await stripe.checkout.sessions.create({
      ...{ mode: "subscription", customer: customer.id, success_url: "https://learn.example.com/welcome" },
      line_items: [{ price: prices[users.length % prices.length]?.id as string, quantity: 1 }],
      subscription_data: { metadata: { cmh_user_id: user } },
    });
    const paid = await service.pay(session.id);
    if (!paid.ok) throw new Error(`a payment was refused: ${await paid.text()}`);
  };
  await subscribe();
  const perPayment = (await eventsOf(stripe)).length;
  for (let made = 1; made * perPayment < count; made += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, subscribe));
    onProgress(Math.min(count, made * perPayment));
  }
  return { service, users, events: await eventsOf(stripe), twoWithinASecond: () => twoWithinASecond(stripe) };
}

async function eventsOf(stripe: Stripe): Promise<Stripe.Event[]> {
  const events: Stripe.Event[] = [];
  for await (const event of stripe.events.list({ limit: 100 }))
    if (LISTENED_EVENTS.includes(event.type)) events.push(event);
  return events.reverse();
}

async function twoWithinASecond(stripe: Stripe): Promise<[Change, Change]> {
  const [customer] = (await stripe.customers.list({ limit: 1 })).data;
  if (!customer) throw new Error("nobody has paid");
  for (;;) {
    const emails = ["first", "second"].map((word) => `${word}-${newUser()}@example.com`) as [string, string];
    for (const email of emails) await stripe.customers.update(customer.id, { email });
    const { data } = await stripe.events.list({ limit: 2, type: "customer.updated" });
    const [second, first] = data as [Stripe.Event, Stripe.Event];
    if (first.created !== second.created) continue; // the clock turned just then
    return [
      { event: first, customer: customer.id, email: emails[0] },
      { event: second, customer: customer.id, email: emails[1] },
    ];
  }
}
