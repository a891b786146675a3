import { Migration } from "@mikro-orm/migrations";

/** A promotion's code is looked for among those that were deactivated too, and what makes it at Stripe by the promotion. */
export class Migration0022PromotionLookups extends Migration {
  override up(): void {
    this.addSql(`create index promotions_by_code on promotions (code_key, created_at desc, id desc)`);
    this.addSql(`create index intents_of_promotions on intents (subject) where kind = 'create-promotion'`);
  }

  override down(): void {
    this.addSql(`drop index intents_of_promotions`);
    this.addSql(`drop index promotions_by_code`);
  }
}
