import { Migration } from "@mikro-orm/migrations";

/** What a promotion code took off a purchase. */
export class Migration0021DiscountedPurchases extends Migration {
  override up(): void {
    this.addSql(`alter table "purchases" add column "discounted_minor" bigint not null default '0'`);
    this.bound("amount_minor >= 0 and credited_minor >= 0 and discounted_minor >= 0");
  }

  override down(): void {
    this.bound("amount_minor >= 0 and credited_minor >= 0");
    this.addSql(`alter table "purchases" drop column "discounted_minor"`);
  }

  private bound(amounts: string): void {
    this.addSql(`alter table "purchases" drop constraint "purchases_amount"`);
    this.addSql(
      `alter table "purchases" add constraint "purchases_amount" check (${amounts} and currency ~ '^[A-Z]{3}$')`,
    );
  }
}
