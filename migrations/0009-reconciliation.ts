import { Migration } from "@mikro-orm/migrations";

/** Comparisons with Stripe, and what they found. */
export class Migration0009Reconciliation extends Migration {
  override up(): void {
    this.addSql(`create table "reconciliation_reports" (
      "id" uuid not null,
      "asked_by" text not null,
      "repairs" boolean not null,
      "since" timestamptz not null,
      "started_at" timestamptz not null,
      "finished_at" timestamptz null,
      "users" integer not null default 0,
      "failed_users" integer not null default 0,
      primary key ("id")
    )`);
    this.addSql(
      `create index reconciliation_reports_finished on reconciliation_reports (started_at desc) where finished_at is not null`,
    );
    this.addSql(`create table "reconciliation_drift" (
      "id" uuid not null,
      "report_id" uuid not null,
      "user_id" text not null,
      "table_name" text not null,
      "row_key" text not null,
      "kind" text not null,
      "state" text not null,
      "columns" jsonb not null,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "reconciliation_drift" add constraint "reconciliation_drift_row" unique ("report_id", "table_name", "row_key")`,
    );
    this.addSql(
      `alter table "reconciliation_drift" add constraint "reconciliation_drift_kind" check (kind in ('missing', 'changed', 'extra'))`,
    );
    this.addSql(
      `alter table "reconciliation_drift" add constraint "reconciliation_drift_state" check (state in ('drift', 'in_flight', 'repaired'))`,
    );
  }

  override down(): void {
    this.addSql(`drop table "reconciliation_drift"`);
    this.addSql(`drop table "reconciliation_reports"`);
  }
}
