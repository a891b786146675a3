import { Migration } from "@mikro-orm/migrations";

/**
 * Users who are nobody any more. Whoever takes a user's lock is told of it by the same statement: functions, since each
 * of their statements sees what was committed while the lock was waited for.
 */
export class Migration0024AnonymizedUsers extends Migration {
  override up(): void {
    this.addSql(`create table "anonymized_users" (
      "user_id" text not null,
      "pseudonym" text null,
      "requested_at" timestamptz not null,
      "severed_at" timestamptz null,
      "finished_at" timestamptz null,
      primary key ("user_id")
    )`);
    this.addSql(
      `alter table "anonymized_users" add constraint "anonymized_users_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(
      `alter table "anonymized_users" add constraint "anonymized_users_cut" check ((pseudonym is null) = (finished_at is not null))`,
    );
    this.addSql(
      `create index anonymized_users_unfinished on anonymized_users (requested_at) where finished_at is null`,
    );
    this.addSql(`create index "audit_log_by_user" on "audit_log" ("user_id", "at", "id")`);
    this.addSql(`create function lock_user(asked text) returns boolean language plpgsql as $$ begin
      perform pg_advisory_xact_lock(hashtextextended('user:' || asked, 0));
      return exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
    this.addSql(`create function lock_free_user(asked text) returns boolean language plpgsql as $$ begin
      return pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0))
        and not exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
    this.addSql(
      `create or replace function "audit_log_append_only_fn"() returns trigger as $$ begin if current_setting('payment.severing', true) = 'on' and tg_op = 'UPDATE' then return null; end if; raise exception 'audit_log is append-only'; end; $$ language plpgsql`,
    );
  }

  override down(): void {
    this.addSql(
      `create or replace function "audit_log_append_only_fn"() returns trigger as $$ begin raise exception 'audit_log is append-only'; end; $$ language plpgsql`,
    );
    this.addSql(`drop function lock_free_user(text)`);
    this.addSql(`drop function lock_user(text)`);
    this.addSql(`drop index "audit_log_by_user"`);
    this.addSql(`drop table "anonymized_users"`);
  }
}
