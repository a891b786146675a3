import type { EntityManager } from "@mikro-orm/postgresql";
import type { StripeGateway } from "../stripe/gateway.ts";
import { ourUser } from "../sync/customer.ts";
import type { Target } from "./scope.ts";

const PAGE = 20;

/** Where users are looked for, in this order. */
export const PHASES = ["at Stripe", "customers", "others"] as const;

/** How far the walk through all users has come. */
export interface Place {
  phase: number;
  after: string | null;
}

/** Some users, and where to go on; null at the end. */
export interface TargetPage {
  targets: Target[];
  next: Place | null;
}

/**
 * All users, page by page: customers of ours at Stripe that we lack, then our customers, then users who have rows and
 * no customer.
 */
export async function targetPage(
  stripe: StripeGateway,
  em: EntityManager,
  { phase, after }: Place,
): Promise<TargetPage> {
  if (phase === 0) return lackingCustomers(stripe, em, after);
  const rows = await em.execute<Target[]>(phase === 1 ? CUSTOMERS : OTHERS, [after ?? ""]);
  const last = rows.length === PAGE ? (rows.at(-1)?.userId ?? null) : null;
  return { targets: rows, next: last === null ? nextPhase(phase) : { phase, after: last } };
}

const nextPhase = (phase: number): Place | null =>
  phase + 1 < PHASES.length ? { phase: phase + 1, after: null } : null;

async function lackingCustomers(
  stripe: StripeGateway,
  em: EntityManager,
  after: string | null,
): Promise<TargetPage> {
  const { objects, hasMore } = await stripe.page("customer", { after });
  const ours = objects.flatMap((customer) => {
    const userId = ourUser(customer);
    return userId === null ? [] : [{ userId, customerId: customer.id }];
  });
  const known = await em.execute<{ user_id: string }[]>(
    `with asked as (select jsonb_array_elements_text(?::jsonb) as user_id)
     select user_id from asked join customers using (user_id)
     union select user_id from asked join anonymized_users using (user_id)`,
    [JSON.stringify(ours.map(({ userId }) => userId))],
  );
  const users = new Set(known.map((row) => row.user_id));
  const last = objects.at(-1)?.id ?? null;
  return {
    // a second customer of a user is nothing of ours
    targets: ours.filter(({ userId }) => !users.has(userId)),
    next: hasMore && last ? { phase: 0, after: last } : nextPhase(0),
  };
}

const CUSTOMERS = `
  select user_id as "userId", stripe_customer_id as "customerId" from customers
  where user_id > ? order by user_id limit ${PAGE}`;

const OTHERS = `
  select user_id as "userId", null as "customerId" from (
    select user_id from subscriptions union select user_id from invoices union select user_id from payments
    union select user_id from user_access where source in ('SUBSCRIPTION', 'TRIAL')
    union select user_id from subscription_slots) users
  where user_id > ? and not exists (select 1 from customers where customers.user_id = users.user_id)
  order by user_id limit ${PAGE}`;
