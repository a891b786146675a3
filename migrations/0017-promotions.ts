import { Migration } from "@mikro-orm/migrations";

/** Codes that give access or a discount, and who has redeemed them. */
export class Migration0017Promotions extends Migration {
  override up(): void {
    this.addSql(`create table "promotions" (
      "id" uuid not null,
      "code" text not null,
      "code_key" text not null,
      "scope" text null,
      "resource_id" text null,
      "days" integer null,
      "percent_off" integer null,
      "amount_off_minor" bigint null,
      "currency" text null,
      "duration" text null,
      "months" integer null,
      "plan_id" uuid null,
      "item_type" text null,
      "item_id" text null,
      "first_time_only" boolean not null,
      "starts_at" timestamptz not null,
      "ends_at" timestamptz null,
      "max_redemptions" integer null,
      "max_per_user" integer not null,
      "stripe_promotion_code_id" text null,
      "deactivated_at" timestamptz null,
      "created_at" timestamptz not null,
      primary key ("id"),
      constraint "promotions_stripe_code" unique ("stripe_promotion_code_id"),
      constraint "promotions_code" check (code ~ '^[A-Za-z0-9-]{3,40}$' and code_key = upper(code)),
      constraint "promotions_window" check (starts_at < ends_at),
      constraint "promotions_caps" check (max_redemptions >= 1 and max_redemptions <= 1000000),
      constraint "promotions_user_cap" check (max_per_user >= 1 and max_per_user <= 1000),
      constraint "promotions_benefit" check (num_nonnulls(scope, percent_off, amount_off_minor) = 1),
      constraint "promotions_scope_word" check (scope in ('PLATFORM', 'COURSE', 'LEARNING_PATH')),
      constraint "promotions_access" check ((resource_id is not null) = coalesce(scope <> 'PLATFORM', false)),
      constraint "promotions_days" check (days is null or (scope is not null and days >= 1 and days <= 3650)),
      constraint "promotions_percent" check (percent_off >= 1 and percent_off <= 100),
      constraint "promotions_amount" check ((amount_off_minor is null) = (currency is null) and coalesce(amount_off_minor, 1) >= 1),
      constraint "promotions_currency" check (currency ~ '^[A-Z]{3}$'),
      constraint "promotions_duration_word" check (duration in ('ONCE', 'REPEATING', 'FOREVER')),
      constraint "promotions_duration" check ((duration is null) = (scope is not null)),
      constraint "promotions_months" check ((months is not null) = coalesce(duration = 'REPEATING', false) and coalesce(months, 1) >= 1 and coalesce(months, 1) <= 36),
      constraint "promotions_item_type" check (item_type in ('COURSE', 'LEARNING_PATH')),
      constraint "promotions_for" check ((item_type is null) = (item_id is null) and num_nonnulls(scope, plan_id, item_type) <= 1 and (item_type is null or duration = 'ONCE'))
    )`);
    this.addSql(
      `create unique index promotions_active_code on promotions (code_key) where deactivated_at is null`,
    );
    this.addSql(`create index promotions_by_age on promotions (created_at desc, id desc)`);
    this.addSql(`create table "promotion_redemptions" (
      "id" uuid not null,
      "promotion_id" uuid not null,
      "user_id" text not null,
      "intent_id" uuid null,
      "purchase_id" uuid null,
      "used_at" timestamptz null,
      "released_at" timestamptz null,
      "created_at" timestamptz not null,
      primary key ("id"),
      constraint "promotion_redemptions_intent" unique ("intent_id"),
      constraint "promotion_redemptions_purchase" unique ("purchase_id"),
      constraint "promotion_redemptions_user_id" check (length(user_id) >= 1 and length(user_id) <= 128),
      constraint "promotion_redemptions_for" check (num_nonnulls(intent_id, purchase_id) <= 1 and num_nonnulls(intent_id, purchase_id, used_at) >= 1),
      constraint "promotion_redemptions_end" check (used_at is null or released_at is null)
    )`);
    this.addSql(
      `create index promotion_redemptions_counted on promotion_redemptions (promotion_id, user_id) where released_at is null`,
    );
    this.addSql(
      `create index promotion_redemptions_open on promotion_redemptions (promotion_id) where used_at is null and released_at is null`,
    );
    this.addSql(`create or replace function "promotion_redemptions_within_caps_fn"() returns trigger as $$ begin
      perform 1 from promotions where id = new.promotion_id for update;
  if exists (select 1 from promotions where id = new.promotion_id and max_per_user <= (
      select count(*) from promotion_redemptions
       where promotion_id = new.promotion_id and user_id = new.user_id and released_at is null)) then
    raise exception 'redeemed as often as a user may' using errcode = 'check_violation', constraint = 'promotion_redemptions_per_user';
  end if;
  if exists (select 1 from promotions where id = new.promotion_id and max_redemptions <= (
      select count(*) from promotion_redemptions
       where promotion_id = new.promotion_id and released_at is null)) then
    raise exception 'redeemed as often as it may be' using errcode = 'check_violation', constraint = 'promotion_redemptions_total';
  end if;
  return new; end; $$ language plpgsql`);
    this.addSql(
      `create trigger "within_caps" BEFORE INSERT on "promotion_redemptions" for each ROW execute function "promotion_redemptions_within_caps_fn"()`,
    );
  }

  override down(): void {
    this.addSql(`drop table "promotion_redemptions"`);
    this.addSql(`drop function promotion_redemptions_within_caps_fn()`);
    this.addSql(`drop table "promotions"`);
  }
}
