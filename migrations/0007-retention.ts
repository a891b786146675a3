import { Migration } from "@mikro-orm/migrations";

/** Old rows can be told from young ones, and an event can outlive its payload. */
export class Migration0007Retention extends Migration {
  override up(): void {
    this.addSql(`alter table "stripe_events" alter column "payload" drop not null`);
    this.addSql(`alter table "stripe_events" add column "stored_at" timestamptz null`);
    this.addSql(`update stripe_events set stored_at = received_at`);
    this.addSql(`alter table "stripe_events" alter column "stored_at" set not null`);
    this.addSql(`alter table "sync_tickets" add column "issued_at" timestamptz not null default now()`);
    this.addSql(`create index outbox_by_age on outbox using brin (occurred_at)`);
    this.addSql(`create index intents_by_age on intents using brin (created_at)`);
  }

  override down(): void {
    this.addSql(`drop index intents_by_age`);
    this.addSql(`drop index outbox_by_age`);
    this.addSql(`alter table "sync_tickets" drop column "issued_at"`);
    this.addSql(`alter table "stripe_events" drop column "stored_at"`);
    this.addSql(`update stripe_events set payload = '{}' where payload is null`);
    this.addSql(`alter table "stripe_events" alter column "payload" set not null`);
  }
}
