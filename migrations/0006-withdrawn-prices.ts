import { Migration } from "@mikro-orm/migrations";

/** A plan knows when Stripe no longer sells its price. */
export class Migration0006WithdrawnPrices extends Migration {
  override up(): void {
    this.addSql(`alter table "subscription_plans" add column "withdrawn_price_id" text null`);
  }

  override down(): void {
    this.addSql(`alter table "subscription_plans" drop column "withdrawn_price_id"`);
  }
}
