import { Migration } from "@mikro-orm/migrations";

/** Money that goes back has rows of its own, and a payment says how much had come. */
export class Migration0003RefundsAndDisputes extends Migration {
  override up(): void {
    this.addSql(`create table "refunds" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_refund_id" text not null,
      "stripe_payment_intent_id" text not null,
      "stripe_charge_id" text not null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "status" text not null,
      "reason" text null,
      "failure_reason" text null,
      "stripe_created_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(`alter table "refunds" add constraint "refunds_stripe_refund" unique ("stripe_refund_id")`);
    this.addSql(`create table "disputes" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_dispute_id" text not null,
      "stripe_payment_intent_id" text not null,
      "stripe_charge_id" text not null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "status" text not null,
      "reason" text not null,
      "evidence_due_at" timestamptz null,
      "stripe_created_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "disputes" add constraint "disputes_stripe_dispute" unique ("stripe_dispute_id")`,
    );
    for (const table of ["refunds", "disputes"]) {
      this.addSql(`create index "${table}_by_payment" on "${table}" ("stripe_payment_intent_id")`);
      this.addSql(`alter table "${table}" add constraint "${table}_amount" check (amount_minor >= 0)`);
      this.addSql(
        `alter table "${table}" add constraint "${table}_currency" check (currency ~ '^[A-Z]{3}$')`,
      );
      this.addSql(
        `alter table "${table}" add constraint "${table}_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
      );
    }
    this.addSql(`alter table "payments" add column "amount_received_minor" bigint not null default '0'`);
    this.addSql(
      `update payments set amount_received_minor = amount_minor
       where status in ('SUCCEEDED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'DISPUTED')`,
    );
  }

  override down(): void {
    this.addSql(`alter table "payments" drop column "amount_received_minor"`);
    this.addSql(`drop table "disputes"`);
    this.addSql(`drop table "refunds"`);
  }
}
