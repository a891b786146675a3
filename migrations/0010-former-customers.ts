import { Migration } from "@mikro-orm/migrations";

/** Customers that are deleted at Stripe and were replaced: what they have left there is still the user's. */
export class Migration0010FormerCustomers extends Migration {
  override up(): void {
    this.addSql(`create table "former_customers" (
      "stripe_customer_id" text not null,
      "user_id" text not null,
      "replaced_at" timestamptz not null,
      primary key ("stripe_customer_id")
    )`);
    this.addSql(
      `alter table "former_customers" add constraint "former_customers_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
  }

  override down(): void {
    this.addSql(`drop table "former_customers"`);
  }
}
