import { DAY_SECONDS } from "../../clock.ts";
import type { TestSandbox } from "../support/sandbox.ts";
import { payer, priceOf } from "../support/subscribing.ts";

/** Subscription schedules: made, changed, released and canceled. */
export async function schedules(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const price = await priceOf(box, 500);
  const customer = await payer(box);
  const phases = [{ items: [{ price: price.id, quantity: 1 }], duration: { interval: "month" as const } }];
  const schedule = await stripe.subscriptionSchedules.create({
    customer: customer.id,
    start_date: "now",
    phases,
    default_settings: { collection_method: "charge_automatically" },
    expand: ["subscription", "phases.items.price"],
  });
  await stripe.subscriptionSchedules.retrieve(schedule.id);
  await stripe.subscriptionSchedules.update(schedule.id, { end_behavior: "cancel", metadata: { a: "b" } });
  await stripe.subscriptionSchedules.list({ customer: customer.id, scheduled: false });
  await stripe.subscriptionSchedules.cancel(schedule.id, { invoice_now: false, prorate: false });
  const later = await stripe.subscriptionSchedules.create({
    customer: customer.id,
    start_date: Math.floor(box.sandbox.now().getTime() / 1000) + DAY_SECONDS,
    phases,
  });
  await stripe.subscriptionSchedules.release(later.id, { preserve_cancel_date: true });
}
