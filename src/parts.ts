import type { ServerOptions } from "node:http";
import type { RequestHandler } from "express";
import { type Clock, sandboxClock, systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createContext, type NewContext } from "./context.ts";
import { openDatabase } from "./database.ts";
import { DecisionStore } from "./events/decision-store.ts";
import { LiveFeed } from "./events/live.ts";
import { watchOutbox } from "./events/outbox-metrics.ts";
import { type RedisFactory, redisFactory } from "./events/redis.ts";
import { OutboxRelay } from "./events/relay.ts";
import { Health } from "./http/health.ts";
import { hasRouterSecret } from "./http/router-secret.ts";
import { Intents } from "./intents/intents.ts";
import { Turns } from "./intents/turns.ts";
import { ANONYMIZATIONS_CURSOR, Anonymizations } from "./jobs/anonymizations.ts";
import { Cursors } from "./jobs/cursors.ts";
import { EXPIRING_CARDS_CURSOR, ExpiringCards } from "./jobs/expiring-cards.ts";
import { OBJECTS_CURSOR, ObjectSweep } from "./jobs/object-sweep.ts";
import { DEADLINES_CURSOR, PurchaseDeadlines } from "./jobs/purchase-deadlines.ts";
import { Retention } from "./jobs/retention.ts";
import { Rounds } from "./jobs/rounds.ts";
import { loadersOf } from "./loaders.ts";
import { createLogger, type Logger } from "./logger.ts";
import { Metrics } from "./metrics.ts";
import { Outage } from "./outage.ts";
import { clientAddress } from "./rate-limits/client-address.ts";
import { countedNames } from "./rate-limits/counted-names.ts";
import { RateLimits } from "./rate-limits/rate-limits.ts";
import { Reconciler } from "./reconciliation/reconciler.ts";
import { RECONCILIATION_CURSOR, Reconciliation } from "./reconciliation/reconciliation.ts";
import { Reports } from "./reconciliation/reports.ts";
import { AccessResolver } from "./resolvers/access.resolver.ts";
import { AnonymizationResolver } from "./resolvers/anonymization.resolver.ts";
import { BillingPortalResolver } from "./resolvers/billing-portal.resolver.ts";
import { CheckoutResolver } from "./resolvers/checkout.resolver.ts";
import { DisputeResolver } from "./resolvers/dispute.resolver.ts";
import { GrantResolver } from "./resolvers/grant.resolver.ts";
import { InvoiceResolver } from "./resolvers/invoice.resolver.ts";
import { OfferResolver } from "./resolvers/offer.resolver.ts";
import { PaymentMethodResolver } from "./resolvers/payment-method.resolver.ts";
import { PlanResolver } from "./resolvers/plan.resolver.ts";
import { PromotionResolver } from "./resolvers/promotion.resolver.ts";
import { PurchaseResolver } from "./resolvers/purchase.resolver.ts";
import { RefundResolver } from "./resolvers/refund.resolver.ts";
import { SubscriptionChangeResolver } from "./resolvers/subscription-change.resolver.ts";
import { SubscriptionHistoryResolver } from "./resolvers/subscription-history.resolver.ts";
import { UserDataResolver } from "./resolvers/user-data.resolver.ts";
import { WebhookEventResolver } from "./resolvers/webhook-event.resolver.ts";
import { createSchema } from "./schema.ts";
import { hide } from "./schema-secrecy.ts";
import { AccessService } from "./services/access.service.ts";
import { AnonymizationService } from "./services/anonymization.service.ts";
import { BillingClosing } from "./services/billing-closing.ts";
import { BillingPortalService } from "./services/billing-portal.service.ts";
import { CheckoutService } from "./services/checkout.service.ts";
import { CustomerService } from "./services/customer.service.ts";
import { DecisionCache } from "./services/decision-cache.ts";
import { DisputeService } from "./services/dispute.service.ts";
import { Duplicates } from "./services/duplicates.ts";
import { GrantService } from "./services/grant.service.ts";
import { IdempotencyService } from "./services/idempotency.service.ts";
import { InvoiceService } from "./services/invoice.service.ts";
import { InvoiceLinks } from "./services/invoice-links.ts";
import { KnownPlans } from "./services/known-plans.ts";
import { LiveService } from "./services/live.service.ts";
import { OfferService } from "./services/offer.service.ts";
import { PaymentMethodService } from "./services/payment-method.service.ts";
import { PaymentProblemService } from "./services/payment-problem.service.ts";
import { PlanService } from "./services/plan.service.ts";
import { PlanPreviewService } from "./services/plan-preview.service.ts";
import { PromotionService } from "./services/promotion.service.ts";
import { PromotionCodes } from "./services/promotion-codes.ts";
import { PromotionRedemptionService } from "./services/promotion-redemption.service.ts";
import { PurchaseService } from "./services/purchase.service.ts";
import { PurchaseOpening } from "./services/purchase-opening.ts";
import { RefundService } from "./services/refund.service.ts";
import { StrayCustomers } from "./services/stray-customers.ts";
import { SubscriptionService } from "./services/subscription.service.ts";
import { SubscriptionChanges } from "./services/subscription-changes.service.ts";
import { SubscriptionCreation } from "./services/subscription-creation.service.ts";
import { SubscriptionHistoryService } from "./services/subscription-history.service.ts";
import { SubscriptionOpening } from "./services/subscription-opening.ts";
import { TrialClaims } from "./services/trial-claims.ts";
import { UserDataService } from "./services/user-data.service.ts";
import { WebhookEventService } from "./services/webhook-event.service.ts";
import { CallBudget } from "./stripe/budget.ts";
import { StripeGateway, stripeClient } from "./stripe/gateway.ts";
import { budgetedHttpClient } from "./stripe/http-client.ts";
import { Road } from "./sync/road.ts";
import { Sync } from "./sync/sync.ts";
import { WholeUser } from "./sync/whole-user.ts";
import { CatchUp, EVENTS_CURSOR } from "./webhooks/catch-up.ts";
import { Inbox } from "./webhooks/inbox.ts";
import { watchInbox } from "./webhooks/inbox-metrics.ts";
import { Replay } from "./webhooks/replay.ts";

/** What development and tests put in the place of a part. */
export interface Overrides {
  redis?: RedisFactory;
  clock?: Clock;
  /** Answers browsers at the GraphQL path, before Apollo. */
  explorer?: RequestHandler;
  /** A page on which the REST endpoints can be tried. */
  apiPage?: RequestHandler;
  /** False: every GraphQL request goes through Express and Apollo Server. */
  fastPath?: false;
  logger?: Logger;
  /** How long slow clients are waited for. */
  patience?: ServerOptions;
}

export type Parts = Awaited<ReturnType<typeof createParts>>;

/** The composition root: every part of the service is made here, once, and handed what it needs. */
export async function createParts(config: Config, overrides: Overrides) {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const metrics = new Metrics();
  metrics.collectProcess();
  const clock = overrides.clock ?? (await clockOf(config, logger));
  const orm = await openDatabase(config.database.url);
  const { em } = orm;
  const newRedis = overrides.redis ?? redisFactory(config.redis.url, logger);
  const redis = newRedis("commands");
  const stripe = new StripeGateway(
    stripeClient(
      config.stripe,
      budgetedHttpClient(new CallBudget(redis, config.stripe.requestsPerSecond), metrics),
    ),
    metrics,
  );

  const knownPlans = new KnownPlans(em);
  const plans = new PlanService(em, knownPlans);
  const subscriptions = new SubscriptionService(em, knownPlans);
  const cacheRedis = newRedis("cache");
  const decisions = new DecisionCache(new DecisionStore(cacheRedis, redis), clock, metrics, logger);
  const access = new AccessService(em, clock, config.gracePeriodDays, decisions);
  const trials = new TrialClaims(em, config.trialClaimSecret);
  const road = new Road(em, clock, access, new Duplicates(logger, metrics), trials);
  const sync = new Sync(em, stripe, road, logger);
  const intents = new Intents(em, stripe, sync, clock, logger);
  const turns = new Turns(em, intents, clock);
  const customers = new CustomerService(em, intents, sync);
  const idempotency = new IdempotencyService(em, clock, intents);
  const opening = new SubscriptionOpening(em, clock, { customers, intents, sync, stripe });
  const promotions = new PromotionCodes(em, clock, stripe, customers);
  const shop = { plans, trials, promotions, opening, idempotency };
  const checkout = new CheckoutService(em, config, { ...shop, sync });
  const creation = new SubscriptionCreation(em, { ...shop, intents, stripe });
  const buying = new PurchaseOpening(em, clock, { customers, intents, access, road, sync });
  const purchases = new PurchaseService(em, config, { opening: buying, stripe, idempotency });
  const changes = new SubscriptionChanges(em, clock, intents, stripe, idempotency);
  const { livemode } = config.stripe;
  const methods = new PaymentMethodService(em, {
    ...{ stripe, sync, intents, turns, customers, idempotency, clock, livemode },
  });
  const problems = new PaymentProblemService(em);
  const portal = new BillingPortalService(config, { stripe, customers, idempotency, logger });
  const inbox = new Inbox(em, sync, livemode, { clock, metrics, logger });
  const replay = new Replay(em, clock, livemode);
  watchInbox(metrics, em);
  watchOutbox(metrics, em, clock);
  const relay = new OutboxRelay(em, redis, config.streamLength, metrics, logger);
  const retention = new Retention(em, config.retention, { redis, clock, metrics, logger });
  const cursors = new Cursors(em);
  const objectSweep = new ObjectSweep(em, stripe, sync, cursors, { clock, logger });
  const catchUp = new CatchUp(stripe, inbox, cursors, objectSweep, { clock, metrics, logger });
  const reports = new Reports(em);
  reports.watch(metrics);
  const reconciler = new Reconciler(em, stripe, new WholeUser(road, sync), logger);
  const reconciliation = new Reconciliation(em, stripe, reconciler, reports, { cursors, clock, logger });
  const deadlines = new PurchaseDeadlines(em, buying, cursors, { clock, logger });
  const closing = new BillingClosing(em, intents, stripe, { road, sync, logger });
  const strays = new StrayCustomers(em, stripe, closing, intents, { clock, logger });
  const anonymization = new AnonymizationService(em, closing, intents, {
    ...{ strays, clock, idempotency, relay, redis },
  });
  const rounds = new Rounds(cursors, {
    [EVENTS_CURSOR]: catchUp,
    [OBJECTS_CURSOR]: objectSweep,
    [RECONCILIATION_CURSOR]: reconciliation,
    [DEADLINES_CURSOR]: deadlines,
    [ANONYMIZATIONS_CURSOR]: new Anonymizations(em, anonymization, cursors, { metrics, logger }),
    [EXPIRING_CARDS_CURSOR]: new ExpiringCards(em, road, cursors, { clock, logger }),
  });
  const userData = new UserDataService(em, clock);
  const links = new InvoiceLinks(config.invoiceLinkSecrets, config.publicUrl);
  const feed = new LiveFeed(newRedis, metrics, logger, clock);
  const live = new LiveService(em, feed, subscriptions, access);

  const resolvers = new Map<unknown, unknown>([
    [PlanResolver, new PlanResolver(plans, config)],
    [OfferResolver, new OfferResolver(new OfferService(em, clock, idempotency, decisions))],
    [CheckoutResolver, new CheckoutResolver(checkout)],
    [
      SubscriptionChangeResolver,
      new SubscriptionChangeResolver(creation, changes, new PlanPreviewService(em, stripe, clock, changes)),
    ],
    [PaymentMethodResolver, new PaymentMethodResolver(methods)],
    [BillingPortalResolver, new BillingPortalResolver(portal)],
    [PurchaseResolver, new PurchaseResolver(purchases)],
    [InvoiceResolver, new InvoiceResolver(links)],
    [AccessResolver, new AccessResolver(access, clock)],
    [AnonymizationResolver, new AnonymizationResolver(anonymization)],
    [GrantResolver, new GrantResolver(new GrantService(em, clock, road, idempotency))],
    [DisputeResolver, new DisputeResolver(new DisputeService(em))],
    [RefundResolver, new RefundResolver(new RefundService(em, sync, turns, { clock, idempotency }))],
    [
      PromotionResolver,
      new PromotionResolver(
        em,
        new PromotionService(em, { intents, stripe, clock, idempotency }),
        new PromotionRedemptionService(em, road, idempotency),
      ),
    ],
    [SubscriptionHistoryResolver, new SubscriptionHistoryResolver(new SubscriptionHistoryService(em))],
    [UserDataResolver, new UserDataResolver(userData)],
    [WebhookEventResolver, new WebhookEventResolver(new WebhookEventService(em, replay, idempotency))],
  ]);
  const rateLimits = new RateLimits(cacheRedis, config.rateLimits, metrics);
  const schema = createSchema(containerOf(resolvers), logger, rateLimits);
  if (config.nodeEnv === "production") hide(schema);
  const newLoaders = loadersOf({ em, access, subscriptions, knownPlans, trials, methods, problems });
  const nameOf = countedNames(clientAddress(config.trustedProxies));
  const newContext: NewContext = (caller, request, asks) => {
    // not the request: what is live for hours has a context too
    const seesSchema = caller.isStaff || hasRouterSecret(request, config.routerSecret);
    return createContext(
      { ...{ caller, asks, countedAs: nameOf(caller, request) }, seesSchema },
      live,
      newLoaders,
    );
  };

  return {
    ...{ logger, metrics, clock, orm, redis, stripe, access, sync, intents, relay, schema, newContext },
    invoices: new InvoiceService(em, stripe, links),
    /** Counts what costs a call to Stripe, of all who follow links to an invoice. */
    admitToInvoice: (invoiceId: string) => rateLimits.admit(`invoice:${invoiceId}`, ["mutations"]),
    ...{ inbox, replay, catchUp, objectSweep, cursors, reconciliation, retention, deadlines, userData },
    health: new Health(orm, redis, config),
    /** The database's, as whoever works without being asked meets it. */
    outage: new Outage("The database", logger),
    workers: { inbox, relay, intents, retention, rounds },
    async close() {
      clock.stop();
      await feed.close();
      redis.disconnect();
      cacheRedis.disconnect();
      await orm.close(true);
    },
  };
}

const clockOf = (config: Config, logger: Logger): Clock | Promise<Clock> =>
  config.clock === "sandbox" ? sandboxClock(config.stripe.apiBase, logger) : systemClock;

/** Resolvers without parts of their own are made when first asked for. */
function containerOf(instances: Map<unknown, unknown>) {
  return {
    get(type: new () => unknown) {
      const known = instances.get(type);
      if (known) return known;
      const made = new type();
      instances.set(type, made);
      return made;
    },
  };
}
