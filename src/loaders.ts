import type { EntityClass, EntityManager } from "@mikro-orm/postgresql";
import DataLoader from "dataloader";
import { validate as isUuid } from "uuid";
import type { Caller } from "./auth/caller.ts";
import { Dispute } from "./entities/dispute.ts";
import { Invoice, InvoiceLine, InvoicePayment } from "./entities/invoice.ts";
import { LearningPathCourse, Offer } from "./entities/offer.ts";
import { Payment } from "./entities/payment.ts";
import { PaymentMethod } from "./entities/payment-method.ts";
import { Purchase } from "./entities/purchase.ts";
import { Refund } from "./entities/refund.ts";
import { Subscription } from "./entities/subscription.ts";
import { UserAccess } from "./entities/user-access.ts";
import { ForeseenLoader } from "./foreseen-loader.ts";
import { rowsBy } from "./rows.ts";
import type { AccessService } from "./services/access.service.ts";
import type { AccessQuestion, Decision } from "./services/access-question.ts";
import type { KnownPlans } from "./services/known-plans.ts";
import type { Resource } from "./services/offer.service.ts";
import { type Page, pagesOf } from "./services/pages.ts";
import type { PaymentMethodService } from "./services/payment-method.service.ts";
import type { PaymentProblemService } from "./services/payment-problem.service.ts";
import { usesOf } from "./services/promotion-places.ts";
import type { SubscriptionService } from "./services/subscription.service.ts";
import type { TrialClaims } from "./services/trial-claims.ts";
import type { Connection } from "./types/connection.ts";
import type { PaymentProblem } from "./types/payment-problem.ts";

export interface LoaderParts {
  em: EntityManager;
  access: AccessService;
  subscriptions: SubscriptionService;
  knownPlans: KnownPlans;
  trials: TrialClaims;
  methods: PaymentMethodService;
  problems: PaymentProblemService;
}

export type Loaders = ReturnType<ReturnType<typeof loadersOf>>;

/**
 * Reads of one request, batched: any number of entities costs a constant number of statements. Gives what makes them
 * for each request.
 */
export function loadersOf({ em, access, subscriptions, knownPlans, trials, methods, problems }: LoaderParts) {
  return lazily({
    plan: () => byId((ids) => knownPlans.read(ids)),
    subscription: () => byId(rowsOf(em, Subscription)),
    /** All of a user's, newest first. */
    subscriptions: () =>
      new DataLoader<string, Subscription[]>(async (userIds) => {
        const rows = await subscriptions.allOf(userIds);
        return userIds.map((userId) => rows.filter((row) => row.userId === userId));
      }),
    subscriptionByStripeId: () => byColumn(em, Subscription, "stripeSubscriptionId"),
    paymentMethod: () => byId(rowsOf(em, PaymentMethod)),
    /** A user's, newest first. */
    paymentMethods: () =>
      new DataLoader<string, PaymentMethod[]>(async (userIds) => {
        const rows = await methods.of(userIds);
        return userIds.map((userId) => rows.filter((row) => row.userId === userId));
      }),
    payment: () => byId(rowsOf(em, Payment)),
    payments: () => byPage(em, Payment, "stripe_created_at"),
    paymentByStripeId: () => byColumn(em, Payment, "stripePaymentIntentId"),
    /** Of a payment, by Stripe's id, oldest first. */
    refunds: () => ofPayments(em, Refund),
    disputes: () => ofPayments(em, Dispute),
    purchase: () => byId(rowsOf(em, Purchase)),
    promotionUses: () => new DataLoader<string, number>((ids) => usesOf(em.fork(), ids)),
    purchases: () => byPage(em, Purchase, "created_at"),
    /** What became of a user's wish to buy something: the purchase that stands, else the latest. */
    purchaseOf: () =>
      new DataLoader<AccessQuestion, Purchase | null, string>((wanted) => purchasesOf(em.fork(), wanted), {
        cacheKeyFn: keyOfQuestion,
      }),
    invoice: () => byId(rowsOf(em, Invoice)),
    invoices: () => byPage(em, Invoice, "stripe_created_at"),
    invoiceByPayment: () =>
      new DataLoader<string, Invoice | null>((ids) => invoicesByPayment(em.fork(), ids)),
    invoiceLines: () =>
      new DataLoader<string, InvoiceLine[]>(async (ids) => {
        const lines = await em
          .fork()
          .find(InvoiceLine, { stripeInvoiceId: { $in: [...ids] } }, { orderBy: { position: "asc" } });
        return ids.map((id) => lines.filter((line) => line.stripeInvoiceId === id));
      }),
    /** What something costs on its own, on sale or not. */
    offer: () =>
      new DataLoader<Resource, Offer | null, string>(async (resources) => offersOf(em.fork(), resources), {
        cacheKeyFn: keyOfResource,
      }),
    /** Of a learning path, in their order. */
    coursesOfPath: () =>
      new DataLoader<string, string[]>(async (pathIds) => {
        const rows = await em
          .fork()
          .find(LearningPathCourse, { pathId: { $in: [...pathIds] } }, { orderBy: { position: "asc" } });
        return pathIds.map((id) =>
          rows.filter(({ pathId }) => pathId === id).map(({ courseId }) => courseId),
        );
      }),
    /** Why it is not paid; null, and no statement, for one that is. */
    paymentProblem: () =>
      new DataLoader<Subscription, PaymentProblem | null, string>(
        async (subscriptions) => {
          const found = await problems.of(subscriptions);
          return subscriptions.map(({ id }) => found.get(id) ?? null);
        },
        { cacheKeyFn: ({ id }) => id },
      ),
    /** Whether the caller has had a trial; asked for every plan of a list, answered once. */
    hadTrial: () =>
      new DataLoader<Caller, boolean, string>(
        (callers) => Promise.all(callers.map((caller) => trials.hasHad(caller))),
        { cacheKeyFn: ({ id }) => id },
      ),
    userAccess: () => byId(rowsOf(em, UserAccess)),
    /** The user's live or latest subscription. */
    currentSubscription: () =>
      new ForeseenLoader<string, Subscription | null>((userIds) => subscriptions.currentOf(userIds), USERS),
    /** The same, as far as the fields go that need little of it. */
    briefSubscription: () =>
      new ForeseenLoader<string, Subscription | null>((userIds) => subscriptions.briefOf(userIds), USERS),
    /** Grants in force now. */
    grants: () =>
      new DataLoader<string, UserAccess[]>(async (userIds) => {
        const grants = await access.grantsOf(userIds);
        return userIds.map((userId) => grants.filter((grant) => grant.userId === userId));
      }),
    decision: () =>
      new ForeseenLoader<AccessQuestion, Decision>((questions) => access.answer(questions), QUESTIONS),
  });
}

/** Each is made when it is first wanted: a request wants few of them. */
function lazily<T extends Record<string, () => unknown>>(makers: T) {
  class Lazy {}
  for (const [name, make] of Object.entries(makers))
    Object.defineProperty(Lazy.prototype, name, {
      get() {
        const value = make();
        Object.defineProperty(this, name, { value });
        return value;
      },
    });
  return () => new Lazy() as { readonly [Name in keyof T]: ReturnType<T[Name]> };
}

const itself = (key: string) => key;
const USERS = { nameOf: itself, idOf: itself, isAlike: () => true };

/** No id has a line break in it. */
const keyOfQuestion = ({ userId, resourceType, resourceId }: AccessQuestion) =>
  `${resourceId}\n${resourceType}\n${userId}`;

/** A page asks about many courses of one user. */
const QUESTIONS = {
  nameOf: keyOfQuestion,
  idOf: ({ resourceId }: AccessQuestion) => resourceId,
  isAlike: (one: AccessQuestion, other: AccessQuestion) =>
    one.userId === other.userId && one.resourceType === other.resourceType,
};

/** By our own id; what is no UUID is simply not there. */
function byId<T extends { id: string }>(read: (ids: readonly string[]) => Promise<T[]>) {
  return new DataLoader<string, T | null>(async (ids) => {
    const rows = await read(ids.filter((id) => isUuid(id)));
    const byKey = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byKey.get(id.toLowerCase()) ?? null);
  });
}

const rowsOf =
  <T extends { id: string }>(em: EntityManager, entity: EntityClass<T>) =>
  (keys: readonly string[]) =>
    rowsBy(em, entity, { property: "id", keys });

function byColumn<T extends object>(em: EntityManager, entity: EntityClass<T>, column: keyof T & string) {
  return new DataLoader<string, T | null>(async (keys) => {
    const rows = await rowsBy(em, entity, { property: column, keys });
    const byKey = new Map(rows.map((row) => [row[column] as string, row]));
    return keys.map((key) => byKey.get(key) ?? null);
  });
}

/** Rows that hang on payments, by the payment's id at Stripe, oldest first. */
function ofPayments<T extends Refund | Dispute>(em: EntityManager, entity: EntityClass<T>) {
  return new DataLoader<string, T[]>(async (ids) => {
    const rows = (await rowsBy(em, entity, { property: "stripePaymentIntentId", keys: ids })).sort(
      (left, right) => +left.stripeCreatedAt - +right.stripeCreatedAt || (left.id < right.id ? -1 : 1),
    );
    return ids.map((id) => rows.filter(({ stripePaymentIntentId }) => stripePaymentIntentId === id));
  });
}

/** Pages of users' rows; any number of users and pages are one statement. */
function byPage<T extends { id: string; createdAt: Date }>(
  em: EntityManager,
  entity: EntityClass<T>,
  column: "stripe_created_at" | "created_at",
) {
  return new DataLoader<Page, Connection<T>, string>((pages) => pagesOf(em.fork(), entity, column, pages), {
    cacheKeyFn: (page) => JSON.stringify(page),
  });
}

const keyOfResource = ({ resourceType, resourceId }: Resource) => `${resourceType}:${resourceId}`;

/** Of courses and paths in one statement; at worst it finds a path too that is called as a course that was asked for. */
async function offersOf(em: EntityManager, resources: readonly Resource[]): Promise<(Offer | null)[]> {
  const rows = await em.find(Offer, {
    resourceType: { $in: [...new Set(resources.map(({ resourceType }) => resourceType))] },
    resourceId: { $in: resources.map(({ resourceId }) => resourceId) },
  });
  const found = new Map(rows.map((row) => [keyOfResource(row), row]));
  return resources.map((resource) => found.get(keyOfResource(resource)) ?? null);
}

async function purchasesOf(
  em: EntityManager,
  wanted: readonly AccessQuestion[],
): Promise<(Purchase | null)[]> {
  const rows = await em.execute<({ asked: number } & Record<string, unknown>)[]>(PURCHASES_OF, [
    JSON.stringify(wanted.map((question, asked) => ({ asked, ...question }))),
  ]);
  const byQuestion = new Map(
    rows.map(({ asked, ...columns }) => [asked, em.map(Purchase, columns as never)]),
  );
  return wanted.map((_, asked) => byQuestion.get(asked) ?? null);
}

/** The one that holds the slot comes first. */
const PURCHASES_OF = `
  select asked.asked, found.*
    from jsonb_to_recordset(?::jsonb) as asked (asked int, "userId" text, "resourceType" text, "resourceId" text)
   cross join lateral (
    select purchase.* from purchases purchase
      left join purchase_slots slot on slot.user_id = purchase.user_id and slot.purchase_id = purchase.id
       and slot.resource_type = purchase.resource_type and slot.resource_id = purchase.resource_id
     where purchase.user_id = asked."userId" and purchase.resource_type = asked."resourceType"
       and purchase.resource_id = asked."resourceId"
     order by slot.purchase_id is null, purchase.created_at desc, purchase.id desc limit 1) found`;

async function invoicesByPayment(
  em: EntityManager,
  paymentIntentIds: readonly string[],
): Promise<(Invoice | null)[]> {
  const links = await em.find(InvoicePayment, { stripePaymentIntentId: { $in: [...paymentIntentIds] } });
  const invoices = await em.find(Invoice, {
    stripeInvoiceId: { $in: links.map((link) => link.stripeInvoiceId) },
  });
  const byStripeId = new Map(invoices.map((invoice) => [invoice.stripeInvoiceId, invoice]));
  return paymentIntentIds.map((id) => {
    const link = links.find(({ stripePaymentIntentId }) => stripePaymentIntentId === id);
    return (link && byStripeId.get(link.stripeInvoiceId)) ?? null;
  });
}
