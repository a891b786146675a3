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

/** Of the customer itself, and of its invoices that are still to come. */
const TEXTS = [
  ...["email", "name", "business_name", "individual_name", "phone", "address", "description", "shipping"],
] as const satisfies (keyof Stripe.Customer & keyof Stripe.CustomerUpdateParams)[];
const ON_INVOICES = ["custom_fields", "footer"] as const;

const isBlank = (customer: Stripe.Customer, userId: string) =>
  TEXTS.every((name) => !customer[name]) &&
  ON_INVOICES.every((name) => !customer.invoice_settings[name]) &&
  Object.entries(customer.metadata).every(
    ([key, value]) => key === INTENT_ID || (key === USER_ID && value === userId),
  );

function blank(customer: Stripe.Customer, userId: string): Stripe.CustomerUpdateParams {
  const { metadata, invoice_settings: settings } = customer;
  const forgotten = Object.keys(metadata).filter((key) => key !== INTENT_ID);
  const emptied = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ""]));
  return {
    ...emptied(TEXTS.filter((name) => customer[name])),
    invoice_settings: emptied(ON_INVOICES.filter((name) => settings[name])),
    metadata: { ...emptied(forgotten), [USER_ID]: userId },
  };
}
