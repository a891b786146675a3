import { Migration } from "@mikro-orm/migrations";

/** A subscription says which price follows its own, and of which one it is a second. */
export class Migration0005SchedulesAndDuplicates extends Migration {
  override up(): void {
    this.addSql(
      `alter table "subscriptions" add column "scheduled_price_id" text null,
         add column "scheduled_plan_id" uuid null, add column "scheduled_at" timestamptz null,
         add column "duplicate_of" text null`,
    );
  }

  override down(): void {
    for (const column of ["duplicate_of", "scheduled_at", "scheduled_plan_id", "scheduled_price_id"])
      this.addSql(`alter table "subscriptions" drop column "${column}"`);
  }
}
