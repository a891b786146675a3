import { Migration } from "@mikro-orm/migrations";

/** One-time orders: what asks for their money, until when, and the guard against buying the same thing twice. */
export class Migration0020Purchases extends Migration {
  override up(): void {
    // nothing has written this table so far
    this.addSql(`alter table "purchases"
      add column "credited_minor" bigint not null default '0',
      add column "intent_id" uuid null,
      add column "checkout_session_id" text null,
      add column "stripe_invoice_id" text null,
      add column "pay_before" timestamptz not null`);
    this.addSql(`alter table "purchases" drop constraint "purchases_amount"`);
    this.addSql(
      `alter table "purchases" add constraint "purchases_amount" check (amount_minor >= 0 and credited_minor >= 0 and currency ~ '^[A-Z]{3}$')`,
    );
    this.addSql(`create index "purchases_by_intent" on "purchases" ("intent_id")`);
    this.addSql(`create index purchases_by_deadline on purchases (pay_before) where status = 'PENDING'`);
    this.addSql(
      `create index purchases_by_resource on purchases (user_id, resource_type, resource_id, created_at desc)`,
    );
    this.addSql(`create table "purchase_slots" (
      "user_id" text not null,
      "resource_type" text not null,
      "resource_id" text not null,
      "purchase_id" uuid not null,
      "updated_at" timestamptz not null,
      primary key ("user_id", "resource_type", "resource_id")
    )`);
    this.addSql(
      `alter table "purchase_slots" add constraint "purchase_slots_ids" check (length(user_id) >= 1 and length(user_id) <= 128 and length(resource_id) >= 1 and length(resource_id) <= 128)`,
    );
    this.addSql(`alter table "checkout_sessions" add column "purchase_id" uuid null`);
    this.addSql(`alter table "invoices" add column "purchase_id" uuid null`);
    this.addSql(`alter table "payments" add column "purchase_id" uuid null`);
    this.addSql(`create index "payments_by_purchase" on "payments" ("purchase_id")`);
  }

  override down(): void {
    for (const table of ["checkout_sessions", "invoices", "payments"])
      this.addSql(`alter table "${table}" drop column "purchase_id"`);
    this.addSql(`drop table "purchase_slots"`);
    for (const index of ["intent", "deadline", "resource"]) this.addSql(`drop index "purchases_by_${index}"`);
    this.addSql(`alter table "purchases" drop constraint "purchases_amount"`);
    for (const column of [
      "credited_minor",
      "intent_id",
      "checkout_session_id",
      "stripe_invoice_id",
      "pay_before",
    ])
      this.addSql(`alter table "purchases" drop column "${column}"`);
    this.addSql(
      `alter table "purchases" add constraint "purchases_amount" check (amount_minor >= 0 and currency ~ '^[A-Z]{3}$')`,
    );
  }
}
