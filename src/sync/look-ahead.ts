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
import { SubscriptionSlot } from "../entities/subscription-slot.ts";
import { UserAccess } from "../entities/user-access.ts";
import { flush } from "../flush.ts";
import { prepared } from "../prepared.ts";

/** Columns by which rows of a table belong to the objects that bursts tell of, or to their users. */
interface Table {
  entity: EntityClass<object>;
  name: string;
  columns: { property: string; name: string }[];
}

const USER = { property: "userId", name: "user_id" };
const INVOICE = { property: "stripeInvoiceId", name: "stripe_invoice_id" };
const PAYMENT = { property: "stripePaymentIntentId", name: "stripe_payment_intent_id" };
const SUBSCRIPTION = { property: "stripeSubscriptionId", name: "stripe_subscription_id" };

const TABLES: Table[] = [
  { entity: Customer, name: "customers", columns: [USER] },
  { entity: PaymentMethod, name: "payment_methods", columns: [USER] },
  { entity: CheckoutSession, name: "checkout_sessions", columns: [{ property: "id", name: "id" }] },
  { entity: Subscription, name: "subscriptions", columns: [SUBSCRIPTION] },
  { entity: SubscriptionSlot, name: "subscription_slots", columns: [USER] },
  { entity: UserAccess, name: "user_access", columns: [USER] },
  { entity: Invoice, name: "invoices", columns: [INVOICE] },
  { entity: InvoiceLine, name: "invoice_lines", columns: [INVOICE] },
  { entity: InvoicePayment, name: "invoice_payments", columns: [INVOICE, PAYMENT] },
  { entity: Payment, name: "payments", columns: [PAYMENT] },
  { entity: Charge, name: "charges", columns: [PAYMENT] },
  { entity: Refund, name: "refunds", columns: [PAYMENT] },
  { entity: Dispute, name: "disputes", columns: [PAYMENT] },
];

const isThere = ({ name, columns }: Table) =>
  columns.map((column) => `exists (select 1 from ${name} where ${column.name} in (table ids))`).join(" or ");
const LOOK = `
  with ids as (select jsonb_array_elements_text($1::jsonb))
  ${TABLES.map((table, at) => `select ${at} as at where ${isThere(table)}`).join(" union all ")}`;

const looked = new WeakMap<EntityManager, ReadonlySet<unknown>>();

/**
 * Reads all that the tables have of some objects and users, so that nothing of theirs is looked for any more: one
 * statement tells which tables have any, of a first payment none. Under the users' locks: nobody else adds to it.
 */
export async function lookAhead(
  tx: EntityManager,
  userIds: readonly string[],
  objectIds: readonly string[],
): Promise<void> {
  const ids = [...userIds, ...objectIds];
  const found = await prepared<{ at: number }>(tx, LOOK, [JSON.stringify(ids)]);
  for (const { entity, columns } of found.map(({ at }) => TABLES[at] as Table))
    await tx.find(entity, { $or: columns.map(({ property }) => ({ [property]: { $in: ids } })) } as never);
  looked.set(tx, new Set(ids));
}

/** Whether all that a table has of these objects or users is in memory. */
export function isRead(tx: EntityManager, entity: EntityClass<object>, ids: readonly unknown[]): boolean {
  const known = looked.get(tx);
  return (
    known !== undefined && TABLES.some((table) => table.entity === entity) && ids.every((id) => known.has(id))
  );
}

/** Writes what has been changed so far, for what is looked for in the tables next; after a look ahead nothing is. */
export async function flushForLooks(tx: EntityManager): Promise<void> {
  if (!looked.has(tx)) await flush(tx);
}

/** Rows of a table that are in memory: read, or added by the transaction. */
export function rowsOf<T extends object>(tx: EntityManager, entity: EntityClass<T>): T[] {
  const unit = tx.getUnitOfWork();
  const rows = [...unit.getIdentityMap().getStore(tx.getMetadata().get(entity)).values()] as T[];
  const unwritten = [...unit.getPersistStack()].filter((row) => row instanceof entity) as T[];
  return unwritten.length === 0 ? rows : [...new Set([...rows, ...unwritten])];
}

/** Forgets rows that have been deleted. */
export function forgetRows(tx: EntityManager, rows: readonly object[]): void {
  for (const row of rows) tx.getUnitOfWork().unsetIdentity(row);
}
