import { Migration } from "@mikro-orm/migrations";

/** Who cannot be anonymised for now lets others come first; and every row of a user is found by an index. */
export class Migration0028AnonymizingByTurns extends Migration {
  override up(): void {
    this.addSql(
      `alter table "anonymized_users" add column "tries" int not null default 0, add column "next_try_at" timestamptz not null default now()`,
    );
    this.addSql(
      `create index anonymized_users_due on anonymized_users (next_try_at) where finished_at is null`,
    );
    this.addSql(`drop index "anonymized_users_unfinished"`);
    for (const table of BY_USER)
      this.addSql(`create index if not exists "${table}_by_user" on "${table}" ("user_id")`);
  }

  override down(): void {
    for (const table of BY_USER) this.addSql(`drop index "${table}_by_user"`);
    this.addSql(
      `create index anonymized_users_unfinished on anonymized_users (requested_at) where finished_at is null`,
    );
    this.addSql(`drop index "anonymized_users_due"`);
    this.addSql(`alter table "anonymized_users" drop column "tries", drop column "next_try_at"`);
  }
}

const BY_USER = [
  ...["former_customers", "expiry_notices", "promotion_redemptions", "trial_claims", "reconciliation_drift"],
];
