import type { EntityManager } from "@mikro-orm/postgresql";
import type { Listed, ListedKind } from "../stripe/listings.ts";
import { USER_ID } from "../stripe/metadata.ts";
import type { Aggregate } from "../sync/sync.ts";

const PAGE = 100;

type Reference = string | { id: string } | null | undefined;
const idIn = (reference: Reference) => (typeof reference === "string" ? reference : (reference?.id ?? null));

/** A kind of object that a sweep looks at: how it is listed, what is synced, and how ours are told. */
export interface Step<K extends ListedKind = ListedKind> {
  name: string;
  /** Null: not listed, only our rows are looked at. */
  kind: K | null;
  aggregate: Aggregate;
  /** What is synced because of a listed object; null when that is nothing of ours. */
  subject(object: Listed[K]): string | null;
  /** How it is told that a listed object is ours; a customer tells by itself. */
  owner?: { of(object: Listed[K]): string | null; isOurs: string };
  /** Rows of ours that Stripe may have changed since, whenever they were created: ids alone. */
  known: string;
}

const step = <K extends ListedKind>(one: Step<K>) => one as unknown as Step;
const BY_CUSTOMER = `select id from (
  select stripe_customer_id as id from customers union all select stripe_customer_id from former_customers) known
  where id in`;
const BY_PAYMENT = "select stripe_payment_intent_id as id from payments where stripe_payment_intent_id in";

/** In the order in which objects belong to each other: whose they are is known when they are looked at. */
export const STEPS: readonly Step[] = [
  step({
    ...{ name: "customers", kind: "customer", aggregate: "customer" },
    subject: ({ id, metadata }) => (metadata?.[USER_ID] ? id : null),
    known: "select stripe_customer_id as id from customers where not is_deleted",
  }),
  step({
    ...{ name: "subscriptions", kind: "subscription", aggregate: "subscription" },
    subject: ({ id }) => id,
    owner: { of: ({ customer }) => idIn(customer), isOurs: BY_CUSTOMER },
    known: `select stripe_subscription_id as id from subscriptions
            where status not in ('CANCELED', 'INCOMPLETE_EXPIRED')`,
  }),
  step({
    ...{ name: "invoices", kind: "invoice", aggregate: "invoice" },
    subject: ({ id }) => id ?? null,
    owner: { of: ({ customer }) => idIn(customer), isOurs: BY_CUSTOMER },
    known: "select stripe_invoice_id as id from invoices where status in ('DRAFT', 'OPEN', 'UNCOLLECTIBLE')",
  }),
  step({
    ...{ name: "payments", kind: "payment_intent", aggregate: "payment_intent" },
    subject: ({ id }) => id,
    owner: { of: ({ customer }) => idIn(customer), isOurs: BY_CUSTOMER },
    known: `select stripe_payment_intent_id as id from payments
            where status not in ('SUCCEEDED', 'CANCELED', 'REFUNDED')`,
  }),
  step({
    ...{ name: "refunds", kind: "refund", aggregate: "payment_intent" },
    subject: ({ payment_intent }) => idIn(payment_intent),
    owner: { of: ({ payment_intent }) => idIn(payment_intent), isOurs: BY_PAYMENT },
    known: `select distinct stripe_payment_intent_id as id from refunds
            where status in ('pending', 'requires_action')`,
  }),
  step({
    ...{ name: "disputes", kind: "dispute", aggregate: "payment_intent" },
    subject: ({ payment_intent }) => idIn(payment_intent),
    owner: { of: ({ payment_intent }) => idIn(payment_intent), isOurs: BY_PAYMENT },
    known: `select distinct stripe_payment_intent_id as id from disputes
            where status not in ('won', 'lost', 'prevented', 'warning_closed')`,
  }),
  step({
    ...{ name: "prices", kind: null, aggregate: "price", subject: () => null },
    known: "select stripe_price_id as id from subscription_plans where stripe_price_id is not null",
  }),
  step({
    ...{ name: "checkout sessions", kind: "checkout_session", aggregate: "checkout_session" },
    subject: ({ id }) => id,
    owner: { of: ({ customer }) => idIn(customer), isOurs: BY_CUSTOMER },
    known: "select id from checkout_sessions where status = 'open'",
  }),
];

/** What is synced because of these objects: those of ours, each once. */
export async function ownIds(em: EntityManager, one: Step, objects: Listed[ListedKind][]): Promise<string[]> {
  const { owner } = one;
  const ours = owner && (await oursAmong(em, owner.isOurs, objects.map(owner.of)));
  const own = objects.filter((object) => !owner || ours?.has(owner.of(object) ?? ""));
  return [...new Set(own.map(one.subject).filter((id): id is string => id !== null))];
}

async function oursAmong(em: EntityManager, isOurs: string, ids: (string | null)[]): Promise<Set<string>> {
  const rows = await em.execute<{ id: string }[]>(`${isOurs} (select jsonb_array_elements_text(?::jsonb))`, [
    JSON.stringify(ids.filter((id) => id !== null)),
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** A page of the rows that may have changed, by id. */
export async function knownIds(em: EntityManager, { known }: Step, after: string | null) {
  const rows = await em.execute<{ id: string }[]>(
    `select id from (${known}) as known where id > ? order by id limit ${PAGE + 1}`,
    [after ?? ""],
  );
  return { ids: rows.slice(0, PAGE).map(({ id }) => id), hasMore: rows.length > PAGE };
}
