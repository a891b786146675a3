import { Migration } from "@mikro-orm/migrations";

/** When Stripe tries again to collect an invoice. */
export class Migration0012NextPaymentAttempts extends Migration {
  override up(): void {
    this.addSql(`alter table "invoices" add column "next_payment_attempt_at" timestamptz null`);
  }

  override down(): void {
    this.addSql(`alter table "invoices" drop column "next_payment_attempt_at"`);
  }
}
