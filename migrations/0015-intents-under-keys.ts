import { Migration } from "@mikro-orm/migrations";

/** What a client's call has begun is known under its key before its outcome is. */
export class Migration0015IntentsUnderKeys extends Migration {
  override up(): void {
    this.addSql(`alter table "idempotency_keys" add column "intent_id" uuid null`);
  }

  override down(): void {
    this.addSql(`alter table "idempotency_keys" drop column "intent_id"`);
  }
}
