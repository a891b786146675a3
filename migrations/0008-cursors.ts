import { Migration } from "@mikro-orm/migrations";

/** What the service does by itself from time to time goes on from where it stopped, one replica at a time. */
export class Migration0008Cursors extends Migration {
  override up(): void {
    this.addSql(`create table "cursors" (
      "name" text not null,
      "state" jsonb not null,
      "next_run_at" timestamptz not null,
      "lease_until" timestamptz null,
      "leased_by" uuid null,
      primary key ("name")
    )`);
    this.addSql(`create index "cursors_due" on "cursors" ("next_run_at")`);
  }

  override down(): void {
    this.addSql(`drop table "cursors"`);
  }
}
