import type Stripe from "stripe";
import { subscribe } from "../support/checkout.ts";
import { passTime } from "../support/learner.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
let stripe: Stripe;
let userId: string;
let token: string;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterAll(() => service.stop());

const scheduled = async () =>
  (await service.ask("{ subscriptionStatus { plan { name } scheduledPlan { name } } }", {}, token)).data
    .subscriptionStatus;
const priceOf = async (name: string) =>
  (
    await service.app.parts.orm.em
      .fork()
      .execute<{ stripe_price_id: string }[]>(
        "select stripe_price_id from subscription_plans where name = ? and is_active",
        [name],
      )
  )[0]?.stripe_price_id as string;

/** Schedules another price for the end of the period, as a downgrade would. */
async function scheduleNext(price: string): Promise<Stripe.SubscriptionSchedule> {
  await subscribe(service, token);
  const customer = await customerOf(service, userId);
  const [subscription] = (await stripe.subscriptions.list({ customer })).data;
  const { id, phases } = await stripe.subscriptionSchedules.create({ from_subscription: subscription!.id });
  const [now] = phases;
  return stripe.subscriptionSchedules.update(id, {
    end_behavior: "release",
    phases: [
      {
        items: [{ price: String(now!.items[0]!.price), quantity: 1 }],
        start_date: now!.start_date,
        end_date: now!.end_date,
      },
      { items: [{ price, quantity: 1 }], duration: { interval: "month", interval_count: 1 } },
    ],
  });
}

test("a scheduled price shows as the plan that follows, and no longer once the schedule is released", async () => {
  const schedule = await scheduleNext(await priceOf("Enterprise"));
  const seen = await eventually(scheduled, ({ scheduledPlan }) => scheduledPlan !== null);
  expect(seen).toEqual({ plan: { name: "Premium" }, scheduledPlan: { name: "Enterprise" } });
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<{ at: string; ends: string }[]>(
      "select scheduled_at::text as at, current_period_end::text as ends from subscriptions where user_id = ?",
      [userId],
    );
  expect(row?.at).toBe(row?.ends);
  await stripe.subscriptionSchedules.release(schedule.id);
  await eventually(scheduled, ({ scheduledPlan }) => scheduledPlan === null);
});

test("when its time comes the scheduled plan is the plan", async () => {
  await scheduleNext(await priceOf("Enterprise"));
  await eventually(scheduled, ({ scheduledPlan }) => scheduledPlan !== null);
  await passTime(service, 32);
  const seen = await eventually(scheduled, ({ plan }) => plan.name === "Enterprise");
  expect(seen.scheduledPlan).toBeNull();
});

test("a scheduled price that is nobody's plan here is shown under its own name", async () => {
  const product = await stripe.products.create({ name: "Team of ten" });
  const price = await stripe.prices.create({
    ...{ product: product.id, currency: "usd", unit_amount: 19_900, nickname: "Team of ten, monthly" },
    recurring: { interval: "month" },
  });
  await scheduleNext(price.id);
  const seen = await eventually(scheduled, ({ scheduledPlan }) => scheduledPlan !== null);
  expect(seen.scheduledPlan).toEqual({ name: "Team of ten, monthly" });
});
