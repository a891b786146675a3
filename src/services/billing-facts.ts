import type { EntityManager } from "@mikro-orm/postgresql";
import { instantIn } from "../database.ts";
import { prepared } from "../prepared.ts";
import type { BillingFacts } from "./subscription-access.ts";

/** What our rows say about the money of some subscriptions, by their ids at Stripe, in one statement. */
export async function billingFacts(
  tx: EntityManager,
  ids: readonly string[],
): Promise<Map<string, BillingFacts>> {
  const rows = await prepared<{
    id: string;
    paid_through: string | null;
    ever_paid: boolean;
    first_failure_at: string | null;
  }>(tx, BILLING_FACTS, [JSON.stringify(ids)]);
  const factsIn = (row: (typeof rows)[number]): BillingFacts => ({
    paidThrough: instantIn(tx, row.paid_through),
    everPaid: row.ever_paid,
    firstFailureAt: instantIn(tx, row.first_failure_at),
  });
  return new Map(rows.map((row) => [row.id, factsIn(row)]));
}

/** Which of the invoices of a subscription are owed: what was written off and followed by a paid one is history. */
export const IS_UNPAID = `(status = 'OPEN' or status = 'UNCOLLECTIBLE' and stripe_created_at > coalesce(
    (select max(paid.stripe_created_at) from invoices paid
      where paid.stripe_subscription_id = invoices.stripe_subscription_id and paid.status = 'PAID'),
    '-infinity'))`;

/**
 * What an invoice, a line or a payment leads to is looked up for each of them, never joined: while PostgreSQL has not
 * counted new tables yet it would read all of them. Each compares a value: it may turn `exists` into a join.
 */
const BILLING_FACTS = `
  select asked.id,
    (select max(line.period_end) from invoice_lines line
      where line.stripe_subscription_id = asked.id
        and (select status from invoices where stripe_invoice_id = line.stripe_invoice_id) = 'PAID') as paid_through,
    (select true from invoices
      where stripe_subscription_id = asked.id and status = 'PAID' and amount_paid_minor > 0
      limit 1) is not null as ever_paid,
    (select min((select min(charge.stripe_created_at) from charges charge
                  where charge.stripe_payment_intent_id = link.stripe_payment_intent_id and charge.status = 'failed'))
       from invoice_payments link
      where stripe_invoice_id = (
        select stripe_invoice_id from invoices
         where stripe_subscription_id = asked.id
           and ${IS_UNPAID}
         order by stripe_created_at limit 1)) as first_failure_at
    from jsonb_array_elements_text($1::jsonb) as asked (id)`;
