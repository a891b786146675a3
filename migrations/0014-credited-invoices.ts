import { Migration } from "@mikro-orm/migrations";

/** What credit notes take back of an invoice; of invoices known already it is told at their next sync. */
export class Migration0014CreditedInvoices extends Migration {
  override up(): void {
    this.addSql(`alter table "invoices" add column "amount_credited_minor" bigint not null default '0'`);
  }

  override down(): void {
    this.addSql(`alter table "invoices" drop column "amount_credited_minor"`);
  }
}
