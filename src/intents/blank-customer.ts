import type Stripe from "stripe";
import { outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { ENDED } from "../stripe/listings.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import type { IntentKind } from "./kinds.ts";

/**
 * Takes from a customer at Stripe who it is, once nothing is charged to it; the intent's user is the pseudonym under which it goes on. It is not deleted:
 * its refunds and disputes still have to find it (decision 0024).
 */
export const blankCustomer: IntentKind = {
  async post(stripe, { subject, userId }, key) {
    const found = await stripe.customers.whole(subject);
    // one that Stripe has deleted, or does not know, has nothing left
    if (!found) return { id: subject };
    // whoever was quicker to hear of it may not have ended what it is charged for, and nothing leads back to it once it is blank
    for (const id of await liveOf(stripe, subject)) await cancel(stripe, id);
    for (const id of found.taxIds) await stripe.customers.removeTaxId(subject, id);
    if (!isBlank(found.customer, userId))
      await stripe.updateCustomer(subject, blank(found.customer, userId), key);
    return { id: subject };
  },
  async find(stripe, { subject, userId }) {
    const found = await stripe.customers.whole(subject);
    if (!found) return { id: subject };
    const isDone = found.taxIds.length === 0 && isBlank(found.customer, userId);
    return isDone && (await liveOf(stripe, subject)).length === 0 ? { id: subject } : null;
  },
  aggregate: "customer",
  once: false,
};

async function liveOf(stripe: StripeGateway, customer: string): Promise<string[]> {
  const listed = await stripe.methods.subscriptionsOf(customer);
  return listed.filter(({ status }) => !ENDED.includes(status)).map(({ id }) => id);
}

/** One that has ended meanwhile is as good. */
async function cancel(stripe: StripeGateway, id: string): Promise<void> {
  await stripe.subscriptions.cancel(id, {}).catch((error: unknown) => {
    if (outcomeOf(error) !== "refused") throw error;
  });
}

/** Of the customer itself, and of its invoices that are still to come. */
const TEXTS = [
  ...["email", "name", "business_name", "individual_name", "phone", "address", "description", "shipping"],
] as const satisfies (keyof Stripe.Customer & keyof Stripe.CustomerUpdateParams)[];
const ON_INVOICES = ["custom_fields", "footer"] as const;
/** Stripe's API lets nobody take languages away, only choose others: this one says nothing. */
const ANY_LANGUAGE = ["en"];

const isBlank = (customer: Stripe.Customer, userId: string) =>
  TEXTS.every((name) => !customer[name]) &&
  ON_INVOICES.every((name) => !customer.invoice_settings[name]) &&
  !customer.tax?.ip_address &&
  !saysLanguage(customer) &&
  Object.entries(customer.metadata).every(
    ([key, value]) => key === INTENT_ID || (key === USER_ID && value === userId),
  );

const saysLanguage = ({ preferred_locales: locales }: Stripe.Customer) =>
  (locales ?? []).some((locale) => !ANY_LANGUAGE.includes(locale));

function blank(customer: Stripe.Customer, userId: string): Stripe.CustomerUpdateParams {
  const { metadata, invoice_settings: settings } = customer;
  const forgotten = Object.keys(metadata).filter((key) => key !== INTENT_ID);
  const emptied = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ""]));
  return {
    ...emptied(TEXTS.filter((name) => customer[name])),
    invoice_settings: emptied(ON_INVOICES.filter((name) => settings[name])),
    metadata: { ...emptied(forgotten), [USER_ID]: userId },
    ...(customer.tax?.ip_address && { tax: { ip_address: "" } }),
    ...(saysLanguage(customer) && { preferred_locales: ANY_LANGUAGE }),
  };
}
