import { Migration } from "@mikro-orm/migrations";

/** The tables of the first payment, end to end. */
export class Migration0001FirstPayment extends Migration {
  override up(): void {
    this.addSql(`create table "audit_log" (
      "id" uuid not null,
      "at" timestamptz not null,
      "actor" text not null,
      "action" text not null,
      "table_name" text not null,
      "row_id" text not null,
      "user_id" text null,
      "before" jsonb null,
      "after" jsonb null,
      "reason" text null,
      "caused_by" text null,
      primary key ("id")
    )`);
    this.addSql(`create index "audit_log_by_row" on "audit_log" ("table_name", "row_id", "at")`);
    this.addSql(
      `create or replace function "audit_log_append_only_fn"() returns trigger as $$ begin raise exception 'audit_log is append-only'; end; $$ language plpgsql`,
    );
    this.addSql(
      `create trigger "append_only" BEFORE UPDATE OR DELETE on "audit_log" for each STATEMENT execute function "audit_log_append_only_fn"()`,
    );
    this.addSql(`create table "charges" (
      "stripe_charge_id" text not null,
      "stripe_payment_intent_id" text not null,
      "user_id" text not null,
      "status" text not null,
      "amount_minor" bigint not null,
      "amount_refunded_minor" bigint not null,
      "currency" text not null,
      "failure_code" text null,
      "stripe_created_at" timestamptz not null,
      primary key ("stripe_charge_id")
    )`);
    this.addSql(`create index "charges_by_payment" on "charges" ("stripe_payment_intent_id")`);
    this.addSql(
      `alter table "charges" add constraint "charges_amounts" check (amount_minor >= 0 and amount_refunded_minor >= 0 and amount_refunded_minor <= amount_minor)`,
    );
    this.addSql(`alter table "charges" add constraint "charges_currency" check (currency ~ '^[A-Z]{3}$')`);
    this.addSql(
      `alter table "charges" add constraint "charges_status" check (status in ('pending', 'succeeded', 'failed'))`,
    );
    this.addSql(`create table "checkout_sessions" (
      "id" text not null,
      "user_id" text not null,
      "intent_id" uuid null,
      "mode" text not null,
      "status" text not null,
      "payment_status" text not null,
      "stripe_subscription_id" text null,
      "url" text null,
      "expires_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(`create index "checkout_sessions_by_user" on "checkout_sessions" ("user_id")`);
    this.addSql(
      `alter table "checkout_sessions" add constraint "checkout_sessions_intent" unique ("intent_id")`,
    );
    this.addSql(
      `alter table "checkout_sessions" add constraint "checkout_sessions_status" check (status in ('open', 'complete', 'expired'))`,
    );
    this.addSql(
      `alter table "checkout_sessions" add constraint "checkout_sessions_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "customers" (
      "user_id" text not null,
      "stripe_customer_id" text not null,
      "email" text null,
      "currency" text null,
      "default_payment_method_id" text null,
      "is_deleted" boolean not null default false,
      "version" integer not null default 1,
      "created_at" timestamptz not null,
      primary key ("user_id")
    )`);
    this.addSql(
      `alter table "customers" add constraint "customers_stripe_customer" unique ("stripe_customer_id")`,
    );
    this.addSql(
      `alter table "customers" add constraint "customers_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "idempotency_keys" (
      "caller_id" text not null,
      "key" text not null,
      "operation" text not null,
      "input_hash" text not null,
      "reference" text null,
      "lease_until" timestamptz null,
      "created_at" timestamptz not null,
      primary key ("caller_id", "key")
    )`);
    this.addSql(`create index "idempotency_keys_by_age" on "idempotency_keys" ("created_at")`);
    this.addSql(
      `alter table "idempotency_keys" add constraint "idempotency_keys_key" check (length(key) >= 1 and length(key) <= 255)`,
    );
    this.addSql(`create table "intents" (
      "id" uuid not null,
      "user_id" text not null,
      "kind" text not null,
      "subject" text not null,
      "params" jsonb not null,
      "params_hash" text not null,
      "attempt" integer not null default 1,
      "state" text not null default 'PENDING',
      "stripe_id" text null,
      "posted_at" timestamptz null,
      "error" jsonb null,
      "tries" integer not null default 0,
      "next_try_at" timestamptz not null,
      "lease_until" timestamptz null,
      "created_at" timestamptz not null,
      primary key ("id")
    )`);
    this.addSql(`create index intents_pending on intents (next_try_at) where state = 'PENDING'`);
    this.addSql(
      `create unique index intents_one_pending on intents (user_id, kind, subject) where state = 'PENDING'`,
    );
    this.addSql(
      `alter table "intents" add constraint "intents_state" check (state in ('PENDING', 'SUCCEEDED', 'FAILED'))`,
    );
    this.addSql(
      `alter table "intents" add constraint "intents_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "invoices" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_invoice_id" text not null,
      "stripe_subscription_id" text null,
      "number" text null,
      "status" text not null,
      "currency" text not null,
      "subtotal_minor" bigint not null,
      "tax_minor" bigint not null,
      "total_minor" bigint not null,
      "amount_paid_minor" bigint not null,
      "amount_due_minor" bigint not null,
      "period_start" timestamptz null,
      "period_end" timestamptz null,
      "issued_at" timestamptz null,
      "paid_at" timestamptz null,
      "stripe_created_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "invoices" add constraint "invoices_stripe_invoice" unique ("stripe_invoice_id")`,
    );
    this.addSql(`create index "invoices_by_subscription" on "invoices" ("stripe_subscription_id", "status")`);
    this.addSql(`create index invoices_by_user on invoices (user_id, stripe_created_at desc, id desc)`);
    this.addSql(`alter table "invoices" add constraint "invoices_currency" check (currency ~ '^[A-Z]{3}$')`);
    this.addSql(
      `alter table "invoices" add constraint "invoices_status" check (status in ('DRAFT', 'OPEN', 'PAID', 'VOID', 'UNCOLLECTIBLE'))`,
    );
    this.addSql(
      `alter table "invoices" add constraint "invoices_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "invoice_lines" (
      "stripe_line_id" text not null,
      "stripe_invoice_id" text not null,
      "stripe_subscription_id" text null,
      "position" integer not null,
      "description" text not null,
      "quantity" integer null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "period_start" timestamptz null,
      "period_end" timestamptz null,
      primary key ("stripe_line_id")
    )`);
    this.addSql(`create index "invoice_lines_by_invoice" on "invoice_lines" ("stripe_invoice_id")`);
    this.addSql(
      `create index "invoice_lines_by_subscription" on "invoice_lines" ("stripe_subscription_id", "period_end")`,
    );
    this.addSql(`create table "invoice_payments" (
      "stripe_invoice_payment_id" text not null,
      "stripe_invoice_id" text not null,
      "stripe_payment_intent_id" text not null,
      "status" text not null,
      primary key ("stripe_invoice_payment_id")
    )`);
    this.addSql(`create index "invoice_payments_by_invoice" on "invoice_payments" ("stripe_invoice_id")`);
    this.addSql(
      `create index "invoice_payments_by_payment" on "invoice_payments" ("stripe_payment_intent_id")`,
    );
    this.addSql(`create table "learning_path_courses" (
      "path_id" text not null,
      "course_id" text not null,
      "position" integer not null,
      primary key ("path_id", "course_id")
    )`);
    this.addSql(`create index "learning_path_courses_by_course" on "learning_path_courses" ("course_id")`);
    this.addSql(
      `alter table "learning_path_courses" add constraint "learning_path_courses_ids" check (length(path_id) >= 1 and length(path_id) <= 128 and length(course_id) >= 1 and length(course_id) <= 128)`,
    );
    this.addSql(`create table "offers" (
      "resource_type" text not null,
      "resource_id" text not null,
      "title" text not null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "is_standard" boolean not null default true,
      "is_active" boolean not null default true,
      "version" integer not null default 1,
      "created_at" timestamptz not null,
      primary key ("resource_type", "resource_id")
    )`);
    this.addSql(
      `alter table "offers" add constraint "offers_price" check (amount_minor > 0 and currency ~ '^[A-Z]{3}$')`,
    );
    this.addSql(
      `alter table "offers" add constraint "offers_resource_id" check (length(resource_id) >= 1 and length(resource_id) <= 128)`,
    );
    this.addSql(
      `alter table "offers" add constraint "offers_resource_type" check (resource_type in ('COURSE', 'LEARNING_PATH'))`,
    );
    this.addSql(`create table "outbox" (
      "id" uuid not null,
      "user_id" text not null,
      "sequence" bigint not null,
      "type" text not null,
      "data" jsonb not null,
      "occurred_at" timestamptz not null,
      "sent_at" timestamptz null,
      "attempts" integer not null default 0,
      "next_try_at" timestamptz not null,
      "lease_until" timestamptz null,
      primary key ("id")
    )`);
    this.addSql(`create index outbox_unsent on outbox (user_id, sequence) where sent_at is null`);
    this.addSql(`alter table "outbox" add constraint "outbox_order" unique ("user_id", "sequence")`);
    this.addSql(
      `alter table "outbox" add constraint "outbox_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "payments" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_payment_intent_id" text not null,
      "amount_minor" bigint not null,
      "amount_refunded_minor" bigint not null,
      "currency" text not null,
      "status" text not null,
      "description" text null,
      "method_label" text null,
      "failure_code" text null,
      "failure_message" text null,
      "receipt_url" text null,
      "stripe_created_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "payments" add constraint "payments_stripe_payment_intent" unique ("stripe_payment_intent_id")`,
    );
    this.addSql(`create index payments_by_user on payments (user_id, stripe_created_at desc, id desc)`);
    this.addSql(
      `alter table "payments" add constraint "payments_amounts" check (amount_minor >= 0 and amount_refunded_minor >= 0 and amount_refunded_minor <= amount_minor)`,
    );
    this.addSql(`alter table "payments" add constraint "payments_currency" check (currency ~ '^[A-Z]{3}$')`);
    this.addSql(
      `alter table "payments" add constraint "payments_status" check (status in ('PENDING', 'REQUIRES_ACTION', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'CANCELED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'DISPUTED'))`,
    );
    this.addSql(
      `alter table "payments" add constraint "payments_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "payment_methods" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_payment_method_id" text not null,
      "type" text not null,
      "brand" text null,
      "last4" text null,
      "exp_month" integer null,
      "exp_year" integer null,
      "is_default" boolean not null,
      "stripe_created_at" timestamptz not null,
      primary key ("id")
    )`);
    this.addSql(`create index "payment_methods_by_user" on "payment_methods" ("user_id")`);
    this.addSql(
      `alter table "payment_methods" add constraint "payment_methods_stripe_payment_method" unique ("stripe_payment_method_id")`,
    );
    this.addSql(
      `create unique index payment_methods_one_default on payment_methods (user_id) where is_default`,
    );
    this.addSql(
      `alter table "payment_methods" add constraint "payment_methods_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "subscription_plans" (
      "id" uuid not null,
      "name" text not null,
      "tier" text not null,
      "description" text null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "interval" text null,
      "trial_days" integer not null,
      "features" jsonb not null,
      "is_active" boolean not null,
      "stripe_price_id" text null,
      "lookup_key" text null,
      "created_at" timestamptz not null,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "subscription_plans" add constraint "subscription_plans_stripe_price" unique ("stripe_price_id")`,
    );
    this.addSql(`create index "subscription_plans_lookup_key" on "subscription_plans" ("lookup_key")`);
    this.addSql(
      `create unique index subscription_plans_active_name on subscription_plans (name) where is_active`,
    );
    this.addSql(
      `alter table "subscription_plans" add constraint "subscription_plans_currency" check (currency ~ '^[A-Z]{3}$')`,
    );
    this.addSql(
      `alter table "subscription_plans" add constraint "subscription_plans_price" check (amount_minor >= 0 and trial_days >= 0)`,
    );
    this.addSql(
      `alter table "subscription_plans" add constraint "subscription_plans_interval" check ("interval" in ('MONTH', 'YEAR'))`,
    );
    this.addSql(
      `alter table "subscription_plans" add constraint "subscription_plans_tier" check (tier in ('FREE', 'PREMIUM', 'ENTERPRISE'))`,
    );
    this.addSql(`create table "purchases" (
      "id" uuid not null,
      "user_id" text not null,
      "resource_type" text not null,
      "resource_id" text not null,
      "amount_minor" bigint not null,
      "currency" text not null,
      "status" text not null,
      "stripe_payment_intent_id" text null,
      "purchased_at" timestamptz null,
      "version" integer not null default 1,
      "created_at" timestamptz not null,
      primary key ("id")
    )`);
    this.addSql(`create index "purchases_by_payment" on "purchases" ("stripe_payment_intent_id")`);
    this.addSql(`create index purchases_by_user on purchases (user_id, created_at desc, id desc)`);
    this.addSql(
      `alter table "purchases" add constraint "purchases_amount" check (amount_minor >= 0 and currency ~ '^[A-Z]{3}$')`,
    );
    this.addSql(
      `alter table "purchases" add constraint "purchases_status" check (status in ('PENDING', 'COMPLETED', 'FAILED', 'EXPIRED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'DISPUTED'))`,
    );
    this.addSql(
      `alter table "purchases" add constraint "purchases_resource_type" check (resource_type in ('COURSE', 'LEARNING_PATH'))`,
    );
    this.addSql(
      `alter table "purchases" add constraint "purchases_ids" check (length(user_id) >= 1 and length(user_id) <= 128 and length(resource_id) >= 1 and length(resource_id) <= 128)`,
    );
    this.addSql(`create table "stripe_events" (
      "id" text not null,
      "type" text not null,
      "aggregate" text null,
      "object_id" text null,
      "api_version" text null,
      "livemode" boolean null,
      "payload" jsonb not null,
      "status" text not null,
      "attempts" integer not null default 0,
      "received_at" timestamptz not null,
      "next_try_at" timestamptz not null,
      "lease_until" timestamptz null,
      "processed_at" timestamptz null,
      "last_error" text null,
      primary key ("id")
    )`);
    this.addSql(`create index "stripe_events_by_age" on "stripe_events" ("received_at")`);
    this.addSql(
      `create index stripe_events_pending on stripe_events (aggregate, object_id, next_try_at) where status = 'pending'`,
    );
    this.addSql(
      `alter table "stripe_events" add constraint "stripe_events_status" check (status in ('pending', 'done', 'ignored', 'failed'))`,
    );
    this.addSql(`create table "subscriptions" (
      "id" uuid not null,
      "user_id" text not null,
      "stripe_subscription_id" text not null,
      "stripe_price_id" text not null,
      "status" text not null,
      "quantity" integer not null,
      "current_period_start" timestamptz null,
      "current_period_end" timestamptz null,
      "trial_ends_at" timestamptz null,
      "cancel_at_period_end" boolean not null,
      "cancel_at" timestamptz null,
      "canceled_at" timestamptz null,
      "ended_at" timestamptz null,
      "has_payment_method" boolean not null,
      "stripe_created_at" timestamptz not null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(
      `alter table "subscriptions" add constraint "subscriptions_stripe_subscription" unique ("stripe_subscription_id")`,
    );
    this.addSql(
      `create index subscriptions_by_user on subscriptions (user_id, stripe_created_at desc, id desc)`,
    );
    this.addSql(
      `alter table "subscriptions" add constraint "subscriptions_status" check (status in ('INCOMPLETE', 'INCOMPLETE_EXPIRED', 'TRIALING', 'ACTIVE', 'PAST_DUE', 'PAUSED', 'CANCELED', 'UNPAID'))`,
    );
    this.addSql(
      `alter table "subscriptions" add constraint "subscriptions_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "subscription_slots" (
      "user_id" text not null,
      "intent_id" uuid null,
      "checkout_session_id" text null,
      "stripe_subscription_id" text null,
      "updated_at" timestamptz not null,
      primary key ("user_id")
    )`);
    this.addSql(
      `create index "subscription_slots_by_checkout_session" on "subscription_slots" ("checkout_session_id")`,
    );
    this.addSql(
      `alter table "subscription_slots" add constraint "subscription_slots_holder" check (intent_id is not null or checkout_session_id is not null or stripe_subscription_id is not null)`,
    );
    this.addSql(
      `alter table "subscription_slots" add constraint "subscription_slots_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
    this.addSql(`create table "sync_tickets" (
      "object_id" text not null,
      "issued" bigint not null,
      "applied" bigint not null default '0',
      "read_at" timestamptz null,
      primary key ("object_id")
    )`);
    this.addSql(`alter table "sync_tickets" add constraint "sync_tickets_order" check (applied <= issued)`);
    this.addSql(`create table "user_access" (
      "id" uuid not null,
      "user_id" text not null,
      "source" text not null,
      "source_id" text not null,
      "scope" text not null,
      "resource_id" text null,
      "starts_at" timestamptz not null,
      "expires_at" timestamptz null,
      "revoked_at" timestamptz null,
      "version" integer not null default 1,
      primary key ("id")
    )`);
    this.addSql(`create index "user_access_by_source" on "user_access" ("source_id")`);
    this.addSql(
      `create index user_access_decision on user_access (user_id, scope, resource_id) include (starts_at, expires_at, source) where revoked_at is null`,
    );
    this.addSql(
      `create unique index user_access_source on user_access (user_id, source, source_id, scope, resource_id) nulls not distinct`,
    );
    this.addSql(
      `alter table "user_access" add constraint "user_access_resource" check ((scope = 'PLATFORM') = (resource_id is null))`,
    );
    this.addSql(
      `alter table "user_access" add constraint "user_access_scope_word" check (scope in ('PLATFORM', 'COURSE', 'LEARNING_PATH'))`,
    );
    this.addSql(
      `alter table "user_access" add constraint "user_access_source_word" check (source in ('SUBSCRIPTION', 'PURCHASE', 'TRIAL', 'PROMOTION', 'SEAT', 'GIFT'))`,
    );
    this.addSql(
      `alter table "user_access" add constraint "user_access_user_id" check (length(user_id) >= 1 and length(user_id) <= 128)`,
    );
  }

  override down(): void {
    this.addSql(`drop table "user_access"`);
    this.addSql(`drop table "sync_tickets"`);
    this.addSql(`drop table "subscription_slots"`);
    this.addSql(`drop table "subscriptions"`);
    this.addSql(`drop table "stripe_events"`);
    this.addSql(`drop table "purchases"`);
    this.addSql(`drop table "subscription_plans"`);
    this.addSql(`drop table "payment_methods"`);
    this.addSql(`drop table "payments"`);
    this.addSql(`drop table "outbox"`);
    this.addSql(`drop table "offers"`);
    this.addSql(`drop table "learning_path_courses"`);
    this.addSql(`drop table "invoice_payments"`);
    this.addSql(`drop table "invoice_lines"`);
    this.addSql(`drop table "invoices"`);
    this.addSql(`drop table "intents"`);
    this.addSql(`drop table "idempotency_keys"`);
    this.addSql(`drop table "customers"`);
    this.addSql(`drop table "checkout_sessions"`);
    this.addSql(`drop table "charges"`);
    this.addSql(`drop table "audit_log"`);
    this.addSql(`drop function audit_log_append_only_fn()`);
  }
}
