import { Migration } from "@mikro-orm/migrations";

/** By which the work that a row asks for goes on with the trace of what wrote it. */
export class Migration0025Traces extends Migration {
  override up(): void {
    this.addSql(`alter table stripe_events add column traceparent text`);
    this.addSql(`alter table outbox add column traceparent text`);
  }

  override down(): void {
    this.addSql(`alter table outbox drop column traceparent`);
    this.addSql(`alter table stripe_events drop column traceparent`);
  }
}
