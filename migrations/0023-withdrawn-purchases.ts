import { Migration } from "@mikro-orm/migrations";

/** Purchases that open nothing any more although no refund says so, and those that others were credited in. */
export class Migration0023WithdrawnPurchases extends Migration {
  override up(): void {
    this.addSql(
      `alter table "purchases" add column "withdrawn_at" timestamptz null, add column "credited_from" jsonb not null default '[]'`,
    );
  }

  override down(): void {
    this.addSql(`alter table "purchases" drop column "withdrawn_at", drop column "credited_from"`);
  }
}
