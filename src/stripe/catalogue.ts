import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import type { Config } from "../config.ts";
import { openDatabase } from "../database.ts";
import { Plan } from "../entities/plan.ts";
import { LISTENED_EVENTS } from "../webhooks/event-table.ts";
import { isMissing } from "./errors.ts";
import { stripeClient } from "./gateway.ts";

/** Marks the portal configuration that is ours, among others of the account. */
const OURS = { cmh_managed: "payment-service" };

export interface StripeSetup {
  /** Where Stripe is to send events. */
  webhookUrl: string;
  /** Told one line for each thing found, made or changed. */
  log?: (line: string) => void;
}

/**
 * Finds or creates at Stripe what the service needs: a product and price for each paid plan (by lookup key), the
 * webhook endpoint (pinned API version, our list of events) and a portal configuration without plan changes.
 * Writes the price ids back to the plans. Twice is the same as once.
 */
export async function setupStripe(
  config: Config,
  { webhookUrl, log = () => {} }: StripeSetup,
): Promise<void> {
  const stripe = stripeClient(config.stripe);
  const orm = await openDatabase(config.database.url);
  try {
    await setupPrices(stripe, orm.em.fork(), log);
  } finally {
    await orm.close(true);
  }
  await setupWebhook(stripe, webhookUrl, log);
  await setupPortal(stripe, log);
}

async function setupPrices(stripe: Stripe, em: EntityManager, log: (line: string) => void): Promise<void> {
  const plans = await em.find(Plan, { isActive: true, lookupKey: { $ne: null } });
  for (const plan of plans) {
    const price = (await priceOf(stripe, plan)) ?? (await createPrice(stripe, plan, log));
    if (plan.stripePriceId === price.id) log(`${plan.name}: ${price.id} is in place`);
    else log(`${plan.name}: uses ${price.id} from now on`);
    plan.stripePriceId = price.id;
  }
  await em.flush();
}

/** The plan's price if it is at Stripe and costs what the plan says: the one written down, else by lookup key. */
async function priceOf(stripe: Stripe, plan: Plan): Promise<Stripe.Price | undefined> {
  const written = plan.stripePriceId
    ? await stripe.prices.retrieve(plan.stripePriceId).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      })
    : undefined;
  if (written && costsTheSame(written, plan)) return written;
  const { data } = await stripe.prices.list({
    lookup_keys: [plan.lookupKey as string],
    active: true,
    limit: 1,
  });
  return data[0] && costsTheSame(data[0], plan) ? data[0] : undefined;
}

function costsTheSame(price: Stripe.Price, plan: Plan): boolean {
  return (
    price.active &&
    price.unit_amount === plan.amountMinor &&
    price.currency === plan.currency.toLowerCase() &&
    price.recurring?.interval === plan.interval?.toLowerCase()
  );
}

async function createPrice(stripe: Stripe, plan: Plan, log: (line: string) => void): Promise<Stripe.Price> {
  const lookupKey = plan.lookupKey as string;
  const product = await productOf(stripe, `cmh_${lookupKey}`, plan);
  const price = await stripe.prices.create({
    product,
    unit_amount: plan.amountMinor,
    currency: plan.currency.toLowerCase(),
    recurring: { interval: plan.interval === "YEAR" ? "year" : "month" },
    lookup_key: lookupKey,
    // a price cannot be changed, so a new one takes over the name of the old
    transfer_lookup_key: true,
  });
  log(`${plan.name}: price created under the lookup key ${lookupKey}`);
  return price;
}

async function productOf(stripe: Stripe, id: string, plan: Plan): Promise<string> {
  try {
    return (await stripe.products.retrieve(id)).id;
  } catch (error) {
    if (!isMissing(error)) throw error;
    const product = await stripe.products.create({
      id,
      name: plan.name,
      ...(plan.description && { description: plan.description }),
      metadata: { tier: plan.tier },
    });
    return product.id;
  }
}

async function setupWebhook(stripe: Stripe, url: string, log: (line: string) => void): Promise<void> {
  const events = LISTENED_EVENTS as Stripe.WebhookEndpointCreateParams.EnabledEvent[];
  for await (const endpoint of stripe.webhookEndpoints.list({ limit: 100 })) {
    if (endpoint.url !== url) continue;
    const isSame =
      events.length === endpoint.enabled_events.length &&
      events.every((e) => endpoint.enabled_events.includes(e));
    if (!isSame) await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: events });
    log(`webhook endpoint ${url}: ${isSame ? "is in place" : "now sends our list of events"}`);
    return;
  }
  const endpoint = await stripe.webhookEndpoints.create({
    url,
    enabled_events: events,
    api_version: stripe.getApiField("version") as Stripe.WebhookEndpointCreateParams.ApiVersion,
    description: "CloudMastersHub Payment Service",
  });
  log(`webhook endpoint ${url}: created as ${endpoint.id}; its secret belongs into STRIPE_WEBHOOK_SECRET`);
}

async function setupPortal(stripe: Stripe, log: (line: string) => void): Promise<void> {
  for await (const configuration of stripe.billingPortal.configurations.list({ active: true, limit: 100 }))
    if (configuration.metadata?.cmh_managed === OURS.cmh_managed) {
      log(`billing portal: ${configuration.id} is in place`);
      return;
    }
  const created = await stripe.billingPortal.configurations.create({
    features: {
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: "at_period_end" },
      // plans are changed in the service, where a preview is exact and a downgrade waits
      subscription_update: { enabled: false },
    },
    metadata: OURS,
  });
  log(`billing portal: ${created.id} created, without plan changes`);
}
