import type { EntityClass, EntityManager } from "@mikro-orm/postgresql";
import { Charge } from "../entities/charge.ts";
import { CheckoutSession } from "../entities/checkout-session.ts";
import { Customer } from "../entities/customer.ts";
import { Dispute } from "../entities/dispute.ts";
import { Invoice, InvoiceLine, InvoicePayment } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import { Refund } from "../entities/refund.ts";
import { Subscription } from "../entities/subscription.ts";
import { prepared } from "../prepared.ts";

/** Each table of the mirror, and which of its rows belong to the objects that a burst tells of. */
const TABLES: [table: EntityClass<object>, rows: string][] = [
  [Customer, "customers where user_id = $1"],
  [PaymentMethod, "payment_methods where user_id = $1"],
  [CheckoutSession, "checkout_sessions where id in (table ids)"],
  [Subscription, "subscriptions where stripe_subscription_id in (table ids)"],
  [Invoice, "invoices where stripe_invoice_id in (table ids)"],
  [InvoiceLine, "invoice_lines where stripe_invoice_id in (table ids)"],
  [
    InvoicePayment,
    "invoice_payments where stripe_invoice_id in (table ids) or stripe_payment_intent_id in (table ids)",
  ],
  [Payment, "payments where stripe_payment_intent_id in (table ids)"],
  [Charge, "charges where stripe_payment_intent_id in (table ids)"],
  [Refund, "refunds where stripe_payment_intent_id in (table ids)"],
  [Dispute, "disputes where stripe_payment_intent_id in (table ids)"],
];
const LOOK = `
  with ids as (select jsonb_array_elements_text($2::jsonb))
  ${TABLES.map(([, rows], at) => `select ${at} as at where not exists (select 1 from ${rows})`).join(" union all ")}`;

interface Blank {
  ids: ReadonlySet<string>;
  tables: ReadonlySet<EntityClass<object>>;
}
const blanks = new WeakMap<EntityManager, Blank>();

/**
 * Looks, in one statement, which tables have no rows of some objects of a user. Most of a first payment's have none;
 * they need not be asked for each row then. Under the user's lock, so that nobody else adds any.
 */
export async function lookAhead(tx: EntityManager, userId: string, objectIds: string[]): Promise<void> {
  const found = await prepared<{ at: number }>(tx, LOOK, [userId, JSON.stringify(objectIds)]);
  const tables = new Set(found.map(({ at }) => TABLES[at]?.[0] as EntityClass<object>));
  blanks.set(tx, { ids: new Set([userId, ...objectIds]), tables });
}

/** Whether all that the table has of these is what the transaction has added itself; of those looked for ahead. */
export function isBlank(tx: EntityManager, entity: EntityClass<object>, ids: readonly unknown[]): boolean {
  const blank = blanks.get(tx);
  return blank?.tables.has(entity) === true && ids.every((id) => blank.ids.has(id as string));
}

/** What the transaction has added to a table. */
export function addedTo<T extends object>(tx: EntityManager, entity: EntityClass<T>): T[] {
  const unit = tx.getUnitOfWork();
  const rows = [...unit.getIdentityMap().getStore(tx.getMetadata().get(entity)).values()] as T[];
  const unwritten = [...unit.getPersistStack()].filter((row) => row instanceof entity) as T[];
  return [...new Set([...rows, ...unwritten])];
}
