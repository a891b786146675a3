import { Migration } from "@mikro-orm/migrations";

/** The inbox is listed and counted, and its events are worked on again. */
export class Migration0004DeadLetters extends Migration {
  override up(): void {
    this.addSql(
      `alter table "stripe_events" add column "source" text not null default 'webhook', add column "replayed_at" timestamptz null`,
    );
    this.addSql(
      `alter table "stripe_events" add constraint "stripe_events_source" check (source in ('webhook', 'catch-up'))`,
    );
    this.addSql(`drop index "stripe_events_by_age"`);
    this.addSql(`create index stripe_events_by_age on stripe_events (received_at desc, id desc)`);
    this.addSql(`create index stripe_events_by_type on stripe_events (type, received_at desc, id desc)`);
    this.addSql(
      `create index stripe_events_failed on stripe_events (received_at desc, id desc) where status = 'failed'`,
    );
  }

  override down(): void {
    this.addSql(`drop index stripe_events_failed`);
    this.addSql(`drop index stripe_events_by_type`);
    this.addSql(`drop index stripe_events_by_age`);
    this.addSql(`create index "stripe_events_by_age" on "stripe_events" ("received_at")`);
    this.addSql(`alter table "stripe_events" drop constraint "stripe_events_source"`);
    this.addSql(`alter table "stripe_events" drop column "replayed_at", drop column "source"`);
  }
}
