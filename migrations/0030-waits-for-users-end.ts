import { Migration } from "@mikro-orm/migrations";

/**
 * A transaction waits for a user's lock five seconds at most, or not at all, and one that holds it may say nothing for half a
 * minute: a process that hangs within one keeps a user's changes waiting no longer. A function of its own: the build before
 * still asks `lock_user_standing`, and would take what is not had in time for a fault.
 */
export class Migration0030WaitsForUsersEnd extends Migration {
  override up(): void {
    this.addSql(`create function lock_user_in_time(asked text, waits boolean) returns text language plpgsql
      set lock_timeout = '5s' as $$ begin
      if waits then perform pg_advisory_xact_lock(hashtextextended('user:' || asked, 0));
      elsif not pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0)) then return 'held'; end if;
      perform set_config('idle_in_transaction_session_timeout', '30s', true);
      return (select case when severed_at is null then 'requested' else 'severed' end
                from anonymized_users where user_id = asked);
    end $$`);
    this.addSql(`create or replace function lock_free_user(asked text) returns boolean language plpgsql as $$ begin
      if not pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0)) then return false; end if;
      perform set_config('idle_in_transaction_session_timeout', '30s', true);
      return not exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
  }

  override down(): void {
    this.addSql(`create or replace function lock_free_user(asked text) returns boolean language plpgsql as $$ begin
      if not pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0)) then return false; end if;
      return not exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
    this.addSql(`drop function lock_user_in_time(text, boolean)`);
  }
}
