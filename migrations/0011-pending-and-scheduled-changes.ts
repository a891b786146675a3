import { Migration } from "@mikro-orm/migrations";

/** Changes of a subscription that wait: for their payment, or for the end of the period. */
export class Migration0011PendingAndScheduledChanges extends Migration {
  override up(): void {
    this.addSql(`alter table "subscriptions"
      add column "scheduled_quantity" int null, add column "pending_invoice_id" text null`);
  }

  override down(): void {
    this.addSql(
      `alter table "subscriptions" drop column "scheduled_quantity", drop column "pending_invoice_id"`,
    );
  }
}
