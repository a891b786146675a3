import { Migration } from "@mikro-orm/migrations";

/**
 * What a refund does to access, disputes by deadline, and cards that expire before they are charged again. Of refunds and
 * subscriptions known already, what is new is told at their next sync.
 */
export class Migration0018MoneyBackAndExpiringCards extends Migration {
  override up(): void {
    this.addSql(`alter table "refunds" add column "access" text null`);
    this.addSql(`alter table "refunds" add constraint "refunds_access" check (access in ('KEEP', 'REVOKE'))`);
    this.addSql(
      `create index disputes_by_deadline on disputes ((coalesce(evidence_due_at, 'infinity'::timestamptz)), id)`,
    );
    this.addSql(
      `create index disputes_to_answer on disputes ((coalesce(evidence_due_at, 'infinity'::timestamptz)), id) where status in ('needs_response', 'warning_needs_response')`,
    );
    this.addSql(`alter table "subscriptions" add column "default_payment_method_id" text null`);
    this.addSql(`create index payment_methods_by_expiry on payment_methods (exp_year, exp_month, id)`);
    this.addSql(`create table "expiry_notices" (
      "stripe_payment_method_id" text not null,
      "exp_year" integer not null,
      "exp_month" integer not null,
      "user_id" text not null,
      "told_at" timestamptz not null,
      primary key ("stripe_payment_method_id", "exp_year", "exp_month")
    )`);
    this.addSql(
      `alter table "expiry_notices" add constraint "expiry_notices_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
  }

  override down(): void {
    this.addSql(`drop table "expiry_notices"`);
    this.addSql(`drop index "payment_methods_by_expiry"`);
    this.addSql(`alter table "subscriptions" drop column "default_payment_method_id"`);
    this.addSql(`drop index "disputes_to_answer"`);
    this.addSql(`drop index "disputes_by_deadline"`);
    this.addSql(`alter table "refunds" drop constraint "refunds_access"`);
    this.addSql(`alter table "refunds" drop column "access"`);
  }
}
