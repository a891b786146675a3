import type { EntityManager } from "@mikro-orm/postgresql";
import Stripe from "stripe";
import type { StripeSetupConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { Plan } from "../entities/plan.ts";
import { LISTENED_EVENTS } from "../webhooks/event-table.ts";
import { isMissing } from "./errors.ts";
import { stripeClient } from "./gateway.ts";
import { OUR_PORTAL } from "./metadata.ts";

export interface StripeSetup {
  /** Where Stripe is to send events. */
  webhookUrl: string;
  /** Told one line for each thing found, made or changed. */
  log?: (line: string) => void;
}

type Log = (line: string) => void;

/**
 * Finds or creates at Stripe what the service needs: a product and price for each paid plan (by lookup key), the
 * webhook endpoint (pinned API version, our list of events) and a portal configuration without plan changes.
 * Writes the price ids back to the plans. Twice is the same as once.
 */
export async function setupStripe(
  config: StripeSetupConfig,
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

async function setupPrices(stripe: Stripe, em: EntityManager, log: Log): Promise<void> {
  const plans = await em.find(Plan, { isActive: true, lookupKey: { $ne: null } });
  for (const plan of plans) {
    const written = await writtenPrice(stripe, plan);
    if (written && isUsable(written, plan)) {
      log(`${plan.name}: ${written.id} is in place`);
      continue;
    }
    const price = (await priceByKey(stripe, plan)) ?? (await createPrice(stripe, plan, log));
    if (written) await replacePlan(em, plan.id, written, price);
    else await em.nativeUpdate(Plan, { id: plan.id }, { stripePriceId: price.id });
    log(`${plan.name}: uses ${price.id} from now on${written ? "; who has the old price keeps it" : ""}`);
  }
}

async function writtenPrice(stripe: Stripe, { stripePriceId }: Plan): Promise<Stripe.Price | null> {
  if (!stripePriceId) return null;
  return stripe.prices.retrieve(stripePriceId).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
}

/** A changed price is a new row: subscribers of the old one keep theirs, which says what Stripe still charges. */
async function replacePlan(em: EntityManager, id: string, written: Stripe.Price, price: Stripe.Price) {
  await em.fork().transactional(async (tx) => {
    const plan = await tx.findOneOrFail(Plan, { id });
    const { name, tier, description, amountMinor, currency, interval, trialDays, features, lookupKey } = plan;
    plan.isActive = false;
    plan.amountMinor = written.unit_amount ?? amountMinor;
    plan.currency = written.currency.toUpperCase();
    // only one active plan may have the name at any moment
    await tx.flush();
    tx.persist(
      Object.assign(new Plan(), {
        ...{ name, tier, description, amountMinor, currency, interval, trialDays, features, lookupKey },
        ...{ isActive: true, stripePriceId: price.id },
      }),
    );
  });
}

async function priceByKey(stripe: Stripe, plan: Plan): Promise<Stripe.Price | undefined> {
  const key = plan.lookupKey as string;
  const { data } = await stripe.prices.list({ lookup_keys: [key], active: true, limit: 1 });
  return data.find((price) => isUsable(price, plan));
}

/** Whether a price can be sold, and costs what the plan says. */
function isUsable(price: Stripe.Price, plan: Plan): boolean {
  return (
    price.active &&
    price.unit_amount === plan.amountMinor &&
    price.currency === plan.currency.toLowerCase() &&
    price.recurring?.interval === plan.interval?.toLowerCase()
  );
}

async function createPrice(stripe: Stripe, plan: Plan, log: Log): Promise<Stripe.Price> {
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

async function setupWebhook(stripe: Stripe, url: string, log: Log): Promise<void> {
  const events = LISTENED_EVENTS as Stripe.WebhookEndpointCreateParams.EnabledEvent[];
  for await (const endpoint of stripe.webhookEndpoints.list({ limit: 100 })) {
    if (endpoint.url !== url) continue;
    if (endpoint.api_version === Stripe.API_VERSION) return updateWebhook(stripe, endpoint, events, log);
    // an endpoint keeps its version for ever; ours reads one version only
    await stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
    log(`webhook endpoint ${url}: ${endpoint.id} speaks ${endpoint.api_version}; disabled, another follows`);
  }
  const endpoint = await stripe.webhookEndpoints.create({
    url,
    enabled_events: events,
    api_version: Stripe.API_VERSION as Stripe.WebhookEndpointCreateParams.ApiVersion,
    description: "CloudMastersHub Payment Service",
  });
  log(`webhook endpoint ${url}: created as ${endpoint.id}`);
  log(`  put this into STRIPE_WEBHOOK_SECRET, it is shown once: ${endpoint.secret}`);
}

async function updateWebhook(
  stripe: Stripe,
  endpoint: Stripe.WebhookEndpoint,
  events: Stripe.WebhookEndpointUpdateParams.EnabledEvent[],
  log: Log,
): Promise<void> {
  const wanted = new Set<string>(events);
  const isSame =
    endpoint.status === "enabled" &&
    wanted.size === endpoint.enabled_events.length &&
    endpoint.enabled_events.every((event) => wanted.has(event));
  if (!isSame) await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: events, disabled: false });
  log(
    `webhook endpoint ${endpoint.url}: ${isSame ? "is in place" : "enabled, and sends our list of events"}`,
  );
}

/** What customers may do in Stripe's portal. Plans are changed in the service, where a preview is exact and a downgrade waits. */
const PORTAL_FEATURES = {
  invoice_history: { enabled: true },
  payment_method_update: { enabled: true },
  subscription_cancel: { enabled: true, mode: "at_period_end" },
  subscription_update: { enabled: false },
} as const;

async function setupPortal(stripe: Stripe, log: Log): Promise<void> {
  for await (const known of stripe.billingPortal.configurations.list({ active: true, limit: 100 })) {
    if (known.metadata?.cmh_managed !== OUR_PORTAL.cmh_managed) continue;
    const isSame = keepsToFeatures(known.features);
    if (!isSame) await stripe.billingPortal.configurations.update(known.id, { features: PORTAL_FEATURES });
    log(`billing portal: ${known.id} ${isSame ? "is in place" : "offers what it should again"}`);
    return;
  }
  const created = await stripe.billingPortal.configurations.create({
    features: PORTAL_FEATURES,
    metadata: OUR_PORTAL,
  });
  log(`billing portal: ${created.id} created, without plan changes`);
}

function keepsToFeatures(features: Stripe.BillingPortal.Configuration.Features): boolean {
  return (
    features.invoice_history.enabled &&
    features.payment_method_update.enabled &&
    features.subscription_cancel.enabled &&
    features.subscription_cancel.mode === "at_period_end" &&
    !features.subscription_update.enabled
  );
}
