import { Migration } from "@mikro-orm/migrations";

/**
 * Whoever takes a user's lock is also told when that user is being anonymised and not severed yet. A function of its own:
 * the build before still asks `lock_user`, which stays as it was. The try of a lock looks only once it has it, by a
 * statement that sees what was committed until then.
 */
export class Migration0027ToldOfAnonymizing extends Migration {
  override up(): void {
    this.addSql(`create function lock_user_standing(asked text) returns text language plpgsql as $$ begin
      perform pg_advisory_xact_lock(hashtextextended('user:' || asked, 0));
      return (select case when severed_at is null then 'requested' else 'severed' end
                from anonymized_users where user_id = asked);
    end $$`);
    this.addSql(`create or replace function lock_free_user(asked text) returns boolean language plpgsql as $$ begin
      if not pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0)) then return false; end if;
      return not exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
  }

  override down(): void {
    this.addSql(`create or replace function lock_free_user(asked text) returns boolean language plpgsql as $$ begin
      return pg_try_advisory_xact_lock(hashtextextended('user:' || asked, 0))
        and not exists (select from anonymized_users where user_id = asked and severed_at is not null);
    end $$`);
    this.addSql(`drop function lock_user_standing(text)`);
  }
}
