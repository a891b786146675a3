import { Migration } from "@mikro-orm/migrations";

/** Offers are listed page by page; a path's price may credit what was paid for its courses. */
export class Migration0016Offers extends Migration {
  override up(): void {
    this.addSql(`alter table "offers" add column "credits_owned_courses" boolean not null default false`);
    this.addSql(
      `alter table "offers" add constraint "offers_credit" check (resource_type = 'LEARNING_PATH' or not credits_owned_courses)`,
    );
    this.addSql(
      `create index offers_listed on offers (created_at desc, resource_type desc, resource_id desc)`,
    );
    this.addSql(
      `create index offers_listed_by_type on offers (resource_type, created_at desc, resource_id desc)`,
    );
  }

  override down(): void {
    this.addSql(`drop index "offers_listed_by_type"`);
    this.addSql(`drop index "offers_listed"`);
    this.addSql(`alter table "offers" drop constraint "offers_credit"`);
    this.addSql(`alter table "offers" drop column "credits_owned_courses"`);
  }
}
