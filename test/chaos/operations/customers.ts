import type { World } from "../world.ts";
import { CARDS, customerOf, liveSubscription, storedMethod } from "./at-stripe.ts";
import { choose, ifFound, type Operations } from "./operation.ts";

/** The month of the sandbox's time, or one of the next. */
function soon(world: World, ahead: number) {
  const now = world.sandbox.now();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
  return { exp_month: month.getUTCMonth() + 1, exp_year: month.getUTCFullYear() };
}
const later = (pick: number) => ({ exp_month: 1 + (pick % 12), exp_year: 2044 });

/** What happens to customers and their cards at Stripe. */
export const CUSTOMER_OPERATIONS: Operations = {
  "another card is stored and used": {
    weight: 5,
    async run(world, learner, choice) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      const card = choose(CARDS, choice.pick) as string;
      const { id } = await world.stripe.paymentMethods.attach(card, { customer });
      if (choice.flag)
        await world.stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
      const subscription = await liveSubscription(world, learner, choice);
      return subscription
        ? world.stripe.subscriptions.update(subscription.id, { default_payment_method: id })
        : id;
    },
  },
  "a card is taken away": {
    weight: 2,
    run: ifFound(storedMethod, (world, { id }) => world.stripe.paymentMethods.detach(id)),
  },
  "the network renews a card": {
    weight: 2,
    run: ifFound(storedMethod, (world, { id }, { pick, flag }) =>
      world.control(`payment_methods/${id}/update`, flag ? soon(world, pick % 3) : later(pick)),
    ),
  },
  "the customer gets another address": {
    weight: 1,
    run: ifFound(customerOf, (world, id, { pick }) =>
      world.stripe.customers.update(id, { email: `other-${pick}@example.com` }),
    ),
  },
  "the customer is deleted": {
    weight: 1,
    async run(world, learner) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      learner.deleted.push(customer);
      return world.stripe.customers.del(customer);
    },
  },
  "another program has a customer here": {
    weight: 1,
    async run(world) {
      const customer = await world.stripe.customers.create({ email: "someone@elsewhere.example" });
      world.foreign.push(customer.id);
      const { id } = await world.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
      const { data } = await world.stripe.prices.list({ active: true, type: "recurring" });
      return world.stripe.subscriptions.create({
        ...{ customer: customer.id, items: [{ price: data[0]?.id as string }], default_payment_method: id },
      });
    },
  },
};
