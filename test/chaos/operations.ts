import type Stripe from "stripe";
import { CONFIRM, CREATE_CHECKOUT } from "../support/checkout.ts";
import { eventually } from "../support/service.ts";
import type { Learner, World } from "./world.ts";

/** What a step chooses by: any number, and a yes or no. */
export interface Choice {
  pick: number;
  flag: boolean;
}
/** What somebody does: a learner, Stripe's customer service, a bank, time. What Stripe refuses is thrown. */
export type Operation = (world: World, learner: Learner, choice: Choice) => Promise<unknown>;

const CARDS = [
  "pm_card_visa",
  "pm_card_visa",
  "pm_card_mastercard",
  "pm_card_chargeCustomerFail",
  "pm_card_createDispute",
  "pm_card_refundFail",
  "pm_card_pendingRefund",
];
const PAYERS = ["pm_card_visa", "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_createDispute"];
const PLANS = ["Premium", "Premium Annual", "Enterprise"];

const choose = <T>(from: readonly T[], pick: number): T | undefined => from[pick % Math.max(1, from.length)];

/** What a learner sees of themselves: every row that has a GraphQL field. */
export const EVERYTHING = `{
  subscriptionStatus { id status grantsAccess currentPeriodEnd plan { name } }
  payments { nodes { id status amount { amount } amountRefunded { amount } } }
  accessTo(resourceType: COURSE, resourceId: "any-course") { granted source expiresAt }
}`;

/** A learner wants to subscribe: what the service answers. */
export const checkoutAnswer = (world: World, learner: Learner) => checkout(world, learner, "Premium");

async function checkout(world: World, learner: Learner, name: string, key?: string) {
  const plans = await world.ask(learner, "{ plans { id name } }");
  const plan = plans?.data?.plans.find((one: { name: string }) => one.name === name);
  const input = {
    planId: plan?.id,
    successUrl: "https://learn.example.com/welcome",
    cancelUrl: "https://learn.example.com/plans",
    ...(key && { idempotencyKey: key }),
  };
  return plan ? world.ask(learner, CREATE_CHECKOUT, { input }) : undefined;
}

/** Time leaps only between calls to Stripe: one that takes days, and is repeated after them, there is none. */
async function pass(world: World, days: number) {
  if (!world.host.isDown)
    await eventually(
      () => world.rows("select 1 from intents where state = 'PENDING' and lease_until > now()"),
      (rows) => rows.length === 0 || world.host.isDown,
      30_000,
    );
  return world.control("advance", { days });
}

const customerOf = async (world: World, learner: Learner) => (await world.customers(learner))[0]?.id;

async function subscriptionsOf(world: World, learner: Learner): Promise<Stripe.Subscription[]> {
  const customer = await customerOf(world, learner);
  return customer ? (await world.stripe.subscriptions.list({ customer, status: "all" })).data : [];
}

async function liveOf(world: World, learner: Learner, { pick }: Choice) {
  const isLive = ({ status }: Stripe.Subscription) => !["canceled", "incomplete_expired"].includes(status);
  return choose((await subscriptionsOf(world, learner)).filter(isLive), pick);
}

async function sessionsOf(world: World, learner: Learner) {
  const customer = await customerOf(world, learner);
  const { data } = customer ? await world.stripe.checkout.sessions.list({ customer }) : { data: [] };
  return data.filter(({ status }) => status === "open");
}

async function chargesOf(world: World, learner: Learner) {
  const customer = await customerOf(world, learner);
  return customer ? (await world.stripe.charges.list({ customer })).data : [];
}

async function invoicesOf(world: World, learner: Learner, status: Stripe.Invoice.Status) {
  const customer = await customerOf(world, learner);
  return customer ? (await world.stripe.invoices.list({ customer, status })).data : [];
}

async function pay(world: World, learner: Learner, { pick }: Choice, cards: readonly string[]) {
  const session = choose(await sessionsOf(world, learner), pick);
  return (
    session &&
    world.control(`checkout/sessions/${session.id}/complete`, { payment_method: choose(cards, pick) })
  );
}

async function portal(world: World, learner: Learner, act: string, body: object) {
  const customer = await customerOf(world, learner);
  if (!customer) return undefined;
  const session = await world.stripe.billingPortal.sessions.create({ customer });
  return world.control(`portal/sessions/${session.id}/${act}`, body);
}

/**
 * Everything that a history may do, and how often: a new operation of the service, or of Stripe, is a line here.
 * Whatever an operation does not find (a charge to refund, say) makes it do nothing.
 */
export const OPERATIONS: Record<string, { weight: number; run: Operation }> = {
  // what the service does
  subscribe: {
    weight: 14,
    async run(world, learner, choice) {
      await checkout(world, learner, choose(PLANS, choice.pick) as string);
      return pay(world, learner, choice, ["pm_card_visa"]);
    },
  },
  "open a checkout": {
    weight: 6,
    run: (world, learner, { pick }) => checkout(world, learner, choose(PLANS, pick) as string),
  },
  "open a checkout under a key": {
    weight: 3,
    run: (world, learner, { pick }) =>
      checkout(world, learner, choose(PLANS, pick % 2) as string, `key-${pick % 2}`),
  },
  "open checkouts in two tabs": {
    weight: 3,
    run: (world, learner, { pick, flag }) =>
      Promise.all([
        checkout(world, learner, choose(PLANS, pick) as string),
        checkout(world, learner, choose(PLANS, pick + Number(flag)) as string),
      ]),
  },
  pay: { weight: 6, run: (world, learner, choice) => pay(world, learner, choice, PAYERS) },
  "come back from paying": {
    weight: 4,
    async run(world, learner, { pick }) {
      const [newest] = await world.rows<{ id: string }>(
        "select id from checkout_sessions where user_id = $1 order by expires_at desc limit 1",
        [learner.id],
      );
      return newest && world.ask(learner, CONFIRM, { id: pick % 9 === 8 ? "cs_test_of_nobody" : newest.id });
    },
  },
  look: { weight: 4, run: (world, learner) => world.ask(learner, EVERYTHING) },

  // time
  "some days pass": {
    weight: 4,
    run: (world, _learner, { pick }) => pass(world, 1 + (pick % 9)),
  },
  "a month passes": {
    weight: 7,
    run: (world, _learner, { pick }) => pass(world, 29 + (pick % 5)),
  },

  // what a learner does in Stripe's portal
  "cancel in the portal": {
    weight: 3,
    run: (world, learner) => portal(world, learner, "cancel", {}),
  },
  "resume in the portal": { weight: 2, run: (world, learner) => portal(world, learner, "resume", {}) },
  "change the card in the portal": {
    weight: 3,
    run: (world, learner, { pick }) =>
      portal(world, learner, "payment_method", { payment_method: choose(CARDS, pick) }),
  },

  // what somebody does at Stripe
  "another card is stored and used": {
    weight: 5,
    async run(world, learner, { pick, flag }) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      const method = await world.stripe.paymentMethods.attach(choose(CARDS, pick) as string, { customer });
      if (flag)
        await world.stripe.customers.update(customer, {
          invoice_settings: { default_payment_method: method.id },
        });
      const subscription = await liveOf(world, learner, { pick, flag });
      return subscription
        ? world.stripe.subscriptions.update(subscription.id, { default_payment_method: method.id })
        : method;
    },
  },
  "a card is taken away": {
    weight: 2,
    async run(world, learner, { pick }) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      const { data } = await world.stripe.customers.listPaymentMethods(customer);
      const method = choose(data, pick);
      return method && world.stripe.paymentMethods.detach(method.id);
    },
  },
  "the network renews a card": {
    weight: 1,
    async run(world, learner, { pick }) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      const { data } = await world.stripe.customers.listPaymentMethods(customer);
      const method = choose(data, pick);
      return (
        method &&
        world.control(`payment_methods/${method.id}/update`, { exp_month: 1 + (pick % 12), exp_year: 2044 })
      );
    },
  },
  "the plan is changed": {
    weight: 4,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      const item = subscription?.items.data[0];
      if (!subscription || !item) return;
      const { data } = await world.stripe.prices.list({ active: true, type: "recurring" });
      return world.stripe.subscriptions.update(subscription.id, {
        items: [{ id: item.id, price: choose(data, choice.pick)?.id as string, quantity: 1 }],
        proration_behavior: choice.flag ? "always_invoice" : "create_prorations",
      });
    },
  },
  "it is cancelled at once": {
    weight: 3,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      return (
        subscription &&
        world.stripe.subscriptions.cancel(subscription.id, {
          prorate: choice.flag,
          invoice_now: choice.flag,
        })
      );
    },
  },
  "it is cancelled at the period's end": {
    weight: 3,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      return (
        subscription &&
        world.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: !choice.flag })
      );
    },
  },
  "its collection is paused or goes on": {
    weight: 1,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      const behavior = choice.flag ? "void" : "keep_as_draft";
      return (
        subscription &&
        world.stripe.subscriptions.update(subscription.id, {
          pause_collection: subscription.pause_collection ? "" : { behavior },
        })
      );
    },
  },
  "it is paused or resumed": {
    weight: 1,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      if (subscription?.status === "paused") return world.stripe.subscriptions.resume(subscription.id);
      return subscription && world.stripe.subscriptions.pause(subscription.id, { type: "subscription" });
    },
  },
  "its trial is prolonged": {
    weight: 2,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      const now = Math.floor(world.sandbox.now().getTime() / 1000);
      return (
        subscription &&
        world.stripe.subscriptions.update(subscription.id, {
          trial_end: now + 86_400 * (1 + (choice.pick % 12)),
          proration_behavior: "none",
        })
      );
    },
  },
  "it is put on a schedule, or off it": {
    weight: 2,
    async run(world, learner, choice) {
      const subscription = await liveOf(world, learner, choice);
      if (!subscription) return;
      const schedule = subscription.schedule as string | null;
      if (!schedule) return world.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
      return choice.flag
        ? world.stripe.subscriptionSchedules.release(schedule)
        : world.stripe.subscriptionSchedules.cancel(schedule);
    },
  },
  "an open invoice is paid": {
    weight: 4,
    async run(world, learner, { pick, flag }) {
      const invoice = choose(await invoicesOf(world, learner, "open"), pick);
      return (
        invoice &&
        world.stripe.invoices.pay(invoice.id, flag && pick % 3 === 0 ? { paid_out_of_band: true } : {})
      );
    },
  },
  "an open invoice is given up": {
    weight: 2,
    async run(world, learner, { pick, flag }) {
      const { id } = choose(await invoicesOf(world, learner, "open"), pick) ?? {};
      if (!id) return;
      return flag ? world.stripe.invoices.voidInvoice(id) : world.stripe.invoices.markUncollectible(id);
    },
  },
  "an invoice is written by hand": {
    weight: 1,
    async run(world, learner, { pick, flag }) {
      const customer = await customerOf(world, learner);
      if (!customer) return;
      await world.stripe.invoiceItems.create({ customer, currency: "usd", amount: 500 + (pick % 5_000) });
      const made = await world.stripe.invoices.create({
        customer,
        pending_invoice_items_behavior: "include",
      });
      return flag ? world.stripe.invoices.pay(made.id) : world.stripe.invoices.finalizeInvoice(made.id);
    },
  },
  "a draft is deleted": {
    weight: 1,
    async run(world, learner, { pick }) {
      const draft = choose(await invoicesOf(world, learner, "draft"), pick);
      return draft && world.stripe.invoices.del(draft.id);
    },
  },
  "money is refunded": {
    weight: 4,
    async run(world, learner, { pick, flag }) {
      const paid = (await chargesOf(world, learner)).filter(({ paid, refunded }) => paid && !refunded);
      const charge = choose(paid, pick)?.id;
      return charge && world.stripe.refunds.create({ charge, ...(flag && { amount: 1 + (pick % 1_000) }) });
    },
  },
  "a refund ends": {
    weight: 2,
    async run(world, learner, { pick, flag }) {
      const charge = choose(await chargesOf(world, learner), pick)?.id;
      const [refund] = charge ? (await world.stripe.refunds.list({ charge })).data : [];
      return refund && world.control(`refunds/${refund.id}`, { status: flag ? "failed" : "succeeded" });
    },
  },
  "a payment is disputed": {
    weight: 3,
    async run(world, learner, { pick, flag }) {
      const paid = (await chargesOf(world, learner)).filter((one) => one.paid && !one.disputed);
      const charge = choose(paid, pick)?.id;
      return charge && world.control(`charges/${charge}/dispute`, { inquiry: flag && pick % 2 === 0 });
    },
  },
  "a dispute is decided": {
    weight: 2,
    async run(world, learner, { pick, flag }) {
      const mine = (await chargesOf(world, learner)).filter(({ disputed }) => disputed).map(({ id }) => id);
      const { data } = await world.stripe.disputes.list({ limit: 100 });
      const dispute = choose(
        data.filter(({ charge }) => mine.includes(String(charge))),
        pick,
      );
      return dispute && world.control(`disputes/${dispute.id}/close`, { outcome: flag ? "won" : "lost" });
    },
  },
  "a credit note is issued": {
    weight: 1,
    async run(world, learner, { pick, flag }) {
      const invoice = choose(await invoicesOf(world, learner, "paid"), pick);
      const amount = 1 + (pick % 900);
      return (
        invoice &&
        world.stripe.creditNotes.create({
          ...{ invoice: invoice.id, amount },
          ...(flag ? { credit_amount: amount } : { refund_amount: amount }),
        })
      );
    },
  },
  "the session is expired at Stripe": {
    weight: 2,
    async run(world, learner, { pick }) {
      const session = choose(await sessionsOf(world, learner), pick);
      return session && world.stripe.checkout.sessions.expire(session.id);
    },
  },
  "the customer gets another address": {
    weight: 1,
    async run(world, learner, { pick }) {
      const customer = await customerOf(world, learner);
      return customer && world.stripe.customers.update(customer, { email: `other-${pick}@example.com` });
    },
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
