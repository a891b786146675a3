import type { EntityManager } from "@mikro-orm/postgresql";
import { isMissing } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { ENDED, type Listed, type PageOf } from "../stripe/listings.ts";
import type { UserAggregate } from "../sync/sync.ts";

/** Whose rows are compared with which customer of Stripe's; null when our rows name none. */
export interface Target {
  userId: string;
  customerId: string | null;
}

/** An object that is compared. */
export interface Compared {
  aggregate: UserAggregate;
  id: string;
}

/**
 * What is compared of one user, as Stripe lists it and as our rows have it: the customer; subscriptions that are live
 * or have ended since; invoices that are unpaid, were made since, or pay for time since; payments that are not
 * settled or were made since.
 */
export async function scopeOf(
  stripe: StripeGateway,
  em: EntityManager,
  { userId, customerId }: Target,
  since: Date,
): Promise<Compared[]> {
  const listed = customerId ? await listedOf(stripe, customerId, since) : [];
  const known = await em.execute<Compared[]>(KNOWN, [userId, since]);
  const all = [
    ...(customerId ? [{ aggregate: "customer" as const, id: customerId }] : []),
    ...listed,
    ...known,
  ];
  return [...new Map(all.map((one) => [`${one.aggregate}:${one.id}`, one])).values()];
}

async function listedOf(stripe: StripeGateway, customer: string, since: Date): Promise<Compared[]> {
  const from = Math.floor(since.getTime() / 1000);
  const [subscriptions, invoices, payments] = await Promise.all([
    everyOf(stripe, "subscription", customer),
    everyOf(stripe, "invoice", customer),
    everyOf(stripe, "payment_intent", customer),
  ]);
  const of = (aggregate: UserAggregate, objects: { id?: string }[]) =>
    objects.map(({ id }) => ({ aggregate, id: id as string }));
  return [
    ...of(
      "subscription",
      subscriptions.filter(
        ({ status, ended_at, created }) => !ENDED.includes(status) || (ended_at ?? created) >= from,
      ),
    ),
    ...of(
      "invoice",
      invoices.filter(
        ({ status, created, lines }) =>
          ["draft", "open", "uncollectible"].includes(status ?? "draft") ||
          created >= from ||
          lines.data.some(({ period }) => period.end >= from),
      ),
    ),
    ...of(
      "payment_intent",
      payments.filter(
        ({ status, created }) => !["succeeded", "canceled"].includes(status) || created >= from,
      ),
    ),
  ];
}

/** All that Stripe lists of a customer; nothing for one that it does not know (any more). */
async function everyOf<K extends "subscription" | "invoice" | "payment_intent">(
  stripe: StripeGateway,
  kind: K,
  customer: string,
): Promise<Listed[K][]> {
  const all: Listed[K][] = [];
  for (let after: string | null = null, isLast = false; !isLast; ) {
    const page: PageOf<K> = await stripe.page(kind, { customer, after }).catch((error: unknown) => {
      if (isMissing(error)) return { objects: [], hasMore: false };
      throw error;
    });
    all.push(...page.objects);
    after = page.objects.at(-1)?.id ?? null;
    isLast = !page.hasMore;
  }
  return all;
}

const KNOWN = `
  with asked as materialized (select ?::text as user_id, ?::timestamptz as since)
  select 'subscription' as aggregate, stripe_subscription_id as id from subscriptions t, asked
   where t.user_id = asked.user_id and (status not in ('CANCELED', 'INCOMPLETE_EXPIRED')
     or coalesce(ended_at, stripe_created_at) >= since)
  union select 'subscription', stripe_subscription_id from subscription_slots t, asked
   where t.user_id = asked.user_id and stripe_subscription_id is not null
  union select 'invoice', stripe_invoice_id from invoices t, asked
   where t.user_id = asked.user_id and (status in ('DRAFT', 'OPEN', 'UNCOLLECTIBLE') or stripe_created_at >= since
     or exists (select 1 from invoice_lines line
                 where line.stripe_invoice_id = t.stripe_invoice_id and line.period_end >= since))
  union select 'payment_intent', stripe_payment_intent_id from payments t, asked
   where t.user_id = asked.user_id and (status not in ('SUCCEEDED', 'CANCELED', 'REFUNDED')
     or stripe_created_at >= since)`;
