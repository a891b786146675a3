import { Migration } from "@mikro-orm/migrations";

/** What was told of cards is let go of once their month is long over. */
export class Migration0026ExpiredNotices extends Migration {
  override up(): void {
    this.addSql(`create index expiry_notices_by_month on expiry_notices (exp_year, exp_month)`);
  }

  override down(): void {
    this.addSql(`drop index expiry_notices_by_month`);
  }
}
