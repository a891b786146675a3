import type { EntityManager } from "@mikro-orm/postgresql";
import { Customer } from "../entities/customer.ts";
import { FormerCustomer } from "../entities/former-customer.ts";
import { Invoice } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Subscription } from "../entities/subscription.ts";
import { prepared } from "../prepared.ts";

/** What our rows say already, so that it need not be read from Stripe. */

/** The user whose customer it is, or was. */
export async function knownOwner(em: EntityManager, stripeCustomerId: string): Promise<string | null> {
  const customer =
    (await em.findOne(Customer, { stripeCustomerId })) ??
    (await em.findOne(FormerCustomer, { stripeCustomerId }));
  return customer?.userId ?? null;
}

/** @param isPaid whether its money is to be known as well */
export async function subscriptionIsLive(
  em: EntityManager,
  stripeSubscriptionId: string,
  isPaid: boolean,
): Promise<boolean> {
  if (!(await em.findOne(Subscription, { stripeSubscriptionId }))?.isLive) return false;
  return !isPaid || (await em.count(Invoice, { stripeSubscriptionId, status: "PAID" })) > 0;
}

export async function hasSucceeded(em: EntityManager, stripePaymentIntentId: string): Promise<boolean> {
  return (await em.findOne(Payment, { stripePaymentIntentId }))?.hasSucceeded ?? false;
}

/** The trials of each customer whose rows say otherwise about a stored method than the customer's own. */
export async function trialsToFollow(
  em: EntityManager,
  stripeCustomerIds: readonly string[],
): Promise<string[][]> {
  const given = [JSON.stringify(stripeCustomerIds)];
  const rows = await prepared<{ id: string; customer: string }>(em, TRIALS, given);
  return stripeCustomerIds.map((id) => rows.filter(({ customer }) => customer === id).map((row) => row.id));
}

const TRIALS = `
  select stripe_subscription_id as id, customer.stripe_customer_id as customer
    from subscriptions join customers customer using (user_id)
   where customer.stripe_customer_id in (select jsonb_array_elements_text($1::jsonb)) and status = 'TRIALING'
     and has_payment_method <> (customer.default_payment_method_id is not null)`;
