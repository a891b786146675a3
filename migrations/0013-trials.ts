import { Migration } from "@mikro-orm/migrations";

/** A trial is had once a person; what a plan does at its end; attempts that were never live. */
export class Migration0013Trials extends Migration {
  override up(): void {
    this.addSql(`create table "trial_claims" (
      "kind" text not null,
      "hmac" text not null,
      "user_id" text not null,
      "stripe_subscription_id" text not null,
      "claimed_at" timestamptz not null,
      primary key ("kind", "hmac"),
      constraint "trial_claims_kind" check (kind in ('user', 'email', 'card')),
      constraint "trial_claims_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)
    )`);
    this.addSql(`create index "trial_claims_by_subscription" on "trial_claims" ("stripe_subscription_id")`);
    this.addSql(`alter table "subscriptions"
      add column "was_live" boolean not null default true,
      add column "is_trial_refused" boolean not null default false,
      add column "cancellation_reason" text null`);
    this.addSql(
      `update "subscriptions" set "was_live" = false where "status" in ('INCOMPLETE', 'INCOMPLETE_EXPIRED')`,
    );
    this.addSql(
      `alter table "subscription_plans" add column "trial_end_behavior" text not null default 'CANCEL'`,
    );
    this.addSql(`alter table "subscription_plans" add constraint "subscription_plans_trial_end_behavior"
      check (trial_end_behavior in ('CANCEL', 'PAUSE', 'CREATE_INVOICE'))`);
  }

  override down(): void {
    this.addSql(`alter table "subscription_plans" drop column "trial_end_behavior"`);
    this.addSql(`alter table "subscriptions"
      drop column "was_live", drop column "is_trial_refused", drop column "cancellation_reason"`);
    this.addSql(`drop table "trial_claims"`);
  }
}
