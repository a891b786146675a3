import { liveSubscription, openSession } from "./at-stripe.ts";
import { choose, ifFound, type Operations } from "./operation.ts";

const DAY = 86_400;

/** What happens to subscriptions at Stripe: customer service, the dashboard, another program. */
export const SUBSCRIPTION_OPERATIONS: Operations = {
  "the plan is changed": {
    weight: 4,
    run: ifFound(liveSubscription, async (world, { id, items }, { pick, flag }) => {
      const [item] = items.data;
      const { data } = await world.stripe.prices.list({ active: true, type: "recurring" });
      return world.stripe.subscriptions.update(id, {
        items: [{ id: item?.id as string, price: choose(data, pick)?.id as string, quantity: 1 }],
        proration_behavior: flag ? "always_invoice" : "create_prorations",
      });
    }),
  },
  "it is cancelled at once": {
    weight: 3,
    run: ifFound(liveSubscription, (world, { id }, { flag }) =>
      world.stripe.subscriptions.cancel(id, { prorate: flag, invoice_now: flag }),
    ),
  },
  "it is cancelled at the period's end": {
    weight: 3,
    run: ifFound(liveSubscription, (world, { id }, { flag }) =>
      world.stripe.subscriptions.update(id, { cancel_at_period_end: !flag }),
    ),
  },
  "its collection is paused or goes on": {
    weight: 1,
    run: ifFound(liveSubscription, (world, { id, pause_collection }, { flag }) => {
      const behavior = flag ? "void" : "keep_as_draft";
      return world.stripe.subscriptions.update(id, {
        pause_collection: pause_collection ? "" : { behavior },
      });
    }),
  },
  "it is paused or resumed": {
    weight: 1,
    run: ifFound<{ id: string; status: string }>(liveSubscription, (world, { id, status }) =>
      status === "paused"
        ? world.stripe.subscriptions.resume(id)
        : world.stripe.subscriptions.pause(id, { type: "subscription" }),
    ),
  },
  "its trial is prolonged": {
    weight: 2,
    run: ifFound(liveSubscription, (world, { id }, { pick }) => {
      const now = Math.floor(world.sandbox.now().getTime() / 1_000);
      return world.stripe.subscriptions.update(id, {
        trial_end: now + DAY * (1 + (pick % 12)),
        proration_behavior: "none",
      });
    }),
  },
  "it is put on a schedule, or off it": {
    weight: 2,
    run: ifFound(liveSubscription, async (world, subscription, { flag }) => {
      const schedules = world.stripe.subscriptionSchedules;
      const schedule = subscription.schedule as string | null;
      if (!schedule) return schedules.create({ from_subscription: subscription.id });
      return flag ? schedules.release(schedule) : schedules.cancel(schedule);
    }),
  },
  "the session is expired at Stripe": {
    weight: 2,
    run: ifFound(openSession, (world, { id }) => world.stripe.checkout.sessions.expire(id)),
  },
};
