import type Stripe from "stripe";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import type { IntentKind } from "./kinds.ts";

/**
 * Takes from a customer at Stripe who it is; the intent's user is the pseudonym under which it goes on. It is not deleted:
 * its refunds and disputes still have to find it (decision 0024).
 */
export const blankCustomer: IntentKind = {
  async post(stripe, { subject, userId }, key) {
    const customer = await stripe.customer(subject);
    // one that Stripe has deleted, or does not know, has nothing left
    if (!customer || customer.deleted || isBlank(customer, userId)) return { id: subject };
    await stripe.updateCustomer(subject, blank(customer, userId), key);
    return { id: subject };
  },
  async find(stripe, { subject, userId }) {
    const customer = await stripe.customer(subject);
    return !customer || customer.deleted || isBlank(customer, userId) ? { id: subject } : null;
  },
  aggregate: "customer",
  once: false,
};

const isBlank = (
  { email, name, phone, address, description, shipping, metadata }: Stripe.Customer,
  userId: string,
) =>
  [email, name, phone, address, description, shipping].every((value) => !value) &&
  Object.entries(metadata).every(
    ([key, value]) => key === INTENT_ID || (key === USER_ID && value === userId),
  );

function blank({ metadata }: Stripe.Customer, userId: string): Stripe.CustomerUpdateParams {
  const forgotten = Object.keys(metadata).filter((key) => key !== INTENT_ID);
  return {
    ...{ email: "", name: "", phone: "", address: "", description: "", shipping: "" },
    metadata: { ...Object.fromEntries(forgotten.map((key) => [key, ""])), [USER_ID]: userId },
  };
}
