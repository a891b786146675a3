import { Migration } from "@mikro-orm/migrations";

/** Words of Stripe's that a later version of its API may add to: their columns take any. */
const CHECKS: [table: string, name: string, words: string[]][] = [
  ["charges", "charges_status", ["pending", "succeeded", "failed"]],
  ["checkout_sessions", "checkout_sessions_status", ["open", "complete", "expired"]],
  ["invoices", "invoices_status", ["DRAFT", "OPEN", "PAID", "VOID", "UNCOLLECTIBLE"]],
  [
    "subscriptions",
    "subscriptions_status",
    ["INCOMPLETE", "INCOMPLETE_EXPIRED", "TRIALING", "ACTIVE", "PAST_DUE", "PAUSED", "CANCELED", "UNPAID"],
  ],
];

/**
 * Mirror tables are unique on Stripe's ids and nothing else; a subscription keeps its plan whatever becomes of
 * prices; an intent is done only when our rows have followed.
 */
export class Migration0002WhatStripeSaysFits extends Migration {
  override up(): void {
    for (const [table, name] of CHECKS) this.addSql(`alter table "${table}" drop constraint "${name}"`);
    this.addSql(`alter table "checkout_sessions" drop constraint "checkout_sessions_intent"`);
    this.addSql(`create index "checkout_sessions_by_intent" on "checkout_sessions" ("intent_id")`);
    this.addSql(`drop index "subscription_slots_by_checkout_session"`);
    this.addSql(`drop index "subscription_plans_lookup_key"`);
    this.addSql(`alter table "subscriptions" add column "plan_id" uuid null`);
    this.addSql(
      `update subscriptions set plan_id = plan.id from subscription_plans plan
       where plan.stripe_price_id = subscriptions.stripe_price_id`,
    );
    this.addSql(`alter table "intents" add column "settled_at" timestamptz null`);
    this.addSql(`update intents set settled_at = now() where state = 'SUCCEEDED'`);
    this.addSql(`alter table "intents" alter column "next_try_at" set default now()`);
    this.addSql(`drop index intents_pending`);
    this.addSql(
      `create index intents_unsettled on intents (next_try_at) where settled_at is null and state <> 'FAILED'`,
    );
    this.addSql(`create index "intents_by_subject" on "intents" ("user_id", "kind", "subject")`);
  }

  override down(): void {
    this.addSql(`drop index "intents_by_subject"`);
    this.addSql(`drop index intents_unsettled`);
    this.addSql(`create index intents_pending on intents (next_try_at) where state = 'PENDING'`);
    this.addSql(`alter table "intents" alter column "next_try_at" drop default`);
    this.addSql(`alter table "intents" drop column "settled_at"`);
    this.addSql(`alter table "subscriptions" drop column "plan_id"`);
    this.addSql(`create index "subscription_plans_lookup_key" on "subscription_plans" ("lookup_key")`);
    this.addSql(
      `create index "subscription_slots_by_checkout_session" on "subscription_slots" ("checkout_session_id")`,
    );
    this.addSql(`drop index "checkout_sessions_by_intent"`);
    this.addSql(
      `alter table "checkout_sessions" add constraint "checkout_sessions_intent" unique ("intent_id")`,
    );
    for (const [table, name, words] of CHECKS)
      this.addSql(
        `alter table "${table}" add constraint "${name}" check (status in (${words.map((word) => `'${word}'`).join(", ")}))`,
      );
  }
}
