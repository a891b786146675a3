import type Stripe from "stripe";
import type { Learner, World } from "../world.ts";
import { type Choice, choose } from "./operation.ts";

// What a learner has at Stripe, for operations that are done to it there.

/** Cards that are stored: good ones, some that decline when charged, some whose payments are disputed or come back. */
export const CARDS = [
  "pm_card_visa",
  "pm_card_visa",
  "pm_card_mastercard",
  "pm_card_chargeCustomerFail",
  "pm_card_createDispute",
  "pm_card_refundFail",
  "pm_card_pendingRefund",
];

/** The learner's newest customer. */
export const customerOf = async (world: World, learner: Learner) => (await world.customers(learner))[0]?.id;

/** One of their subscriptions that may still be changed. */
export async function liveSubscription(world: World, learner: Learner, { pick }: Choice) {
  const customer = await customerOf(world, learner);
  if (!customer) return undefined;
  const { data } = await world.stripe.subscriptions.list({ customer, status: "all" });
  const isLive = ({ status }: Stripe.Subscription) => !["canceled", "incomplete_expired"].includes(status);
  return choose(data.filter(isLive), pick);
}

/** One of their open Checkout pages. */
export async function openSession(world: World, learner: Learner, { pick }: Choice) {
  const customer = await customerOf(world, learner);
  if (!customer) return undefined;
  const { data } = await world.stripe.checkout.sessions.list({ customer });
  return choose(
    data.filter(({ status }) => status === "open"),
    pick,
  );
}

export async function chargesOf(world: World, learner: Learner): Promise<Stripe.Charge[]> {
  const customer = await customerOf(world, learner);
  return customer ? (await world.stripe.charges.list({ customer })).data : [];
}

/** Finds one of their invoices that are in a state. */
export const invoiceThatIs =
  (status: Stripe.Invoice.Status) =>
  async (world: World, learner: Learner, { pick }: Choice) => {
    const customer = await customerOf(world, learner);
    if (!customer) return undefined;
    return choose((await world.stripe.invoices.list({ customer, status })).data, pick);
  };

/** One of their stored payment methods. */
export async function storedMethod(world: World, learner: Learner, { pick }: Choice) {
  const customer = await customerOf(world, learner);
  if (!customer) return undefined;
  return choose((await world.stripe.customers.listPaymentMethods(customer)).data, pick);
}
