import type { EntityManager } from "@mikro-orm/postgresql";
import { wakesOf } from "../jobs/wake.ts";

/** Every table whose rows say whose they are. */
export const TABLES_OF_USERS = [
  ...["customers", "former_customers", "payment_methods", "expiry_notices", "checkout_sessions"],
  ...["subscription_slots", "subscriptions", "invoices", "payments", "charges", "refunds", "disputes"],
  ...["purchases", "purchase_slots", "promotion_redemptions", "user_access", "intents", "outbox"],
] as const;

/** Those that are found by their payments, whose they always are: no index of theirs begins with the user. */
const OF_PAYMENTS: readonly (typeof TABLES_OF_USERS)[number][] = ["charges", "refunds", "disputes"];

/** What is left of a claim on a trial: that its e-mail address or card had one, and nothing of whose it was. */
const NOBODYS = "anonymized";

/** Of intents and of the audit log: what somebody typed, what says who they are or which card is theirs, addresses of pages. */
const PERSONAL = `array['email', 'comment', 'successUrl', 'cancelUrl', 'success_url', 'cancel_url', 'return_url',
  'failureMessage', 'failure_message', 'receiptUrl', 'receipt_url', 'url', 'brand', 'last4', 'expMonth', 'exp_month',
  'expYear', 'exp_year']`;
/** Whose a row was, as syncs note it, and as a repair does. */
const WHOSE = `array['userId', 'user_id']`;

/**
 * Severs who a user is from all rows, within a transaction that holds the user's lock: they go on under a pseudonym,
 * without e-mail address, free text, or anything else that names the person. What the service keeps of money stays as it is.
 */
export async function sever(tx: EntityManager, userId: string, pseudonym: string): Promise<void> {
  const ofUser = TABLES_OF_USERS.filter((table) => !OF_PAYMENTS.includes(table));
  for (const table of ofUser)
    await tx.execute(`update ${table} set user_id = ? where user_id = ?`, [pseudonym, userId]);
  for (const table of OF_PAYMENTS)
    await tx.execute(
      `update ${table} set user_id = ? where stripe_payment_intent_id in
         (select stripe_payment_intent_id from payments where user_id = ?)`,
      [pseudonym, pseudonym],
    );
  await tx.execute("update customers set email = null where user_id = ?", [pseudonym]);
  await tx.execute("update checkout_sessions set url = null where user_id = ?", [pseudonym]);
  await tx.execute("update payments set failure_message = null, receipt_url = null where user_id = ?", [
    pseudonym,
  ]);
  await tx.execute(
    // of what was asked for not even a hash: whoever knows an address could look it up, or a user's id and a client's key
    `update intents set params = params - ${PERSONAL}, params_hash = '',
       subject = case when kind = 'create-setup-intent' then id::text else subject end,
       error = case when error is null then null else error || '{"message": "Stripe refused the change."}' end
     where user_id = ?`,
    [pseudonym],
  );
  await tx.execute("delete from reconciliation_drift where user_id = ?", [userId]);
  await tx.execute("delete from trial_claims where user_id = ? and kind = 'user'", [userId]);
  await tx.execute("update trial_claims set user_id = ?, stripe_subscription_id = ? where user_id = ?", [
    ...[NOBODYS, NOBODYS, userId],
  ]);
  await tx.execute("delete from idempotency_keys where caller_id in (?, ?, ?)", roles(userId));
  await severAuditLog(tx, userId, pseudonym);
}

/** The log still says what was done, when and because of what; no longer of whom, by that person's name or in their words. */
async function severAuditLog(tx: EntityManager, userId: string, pseudonym: string): Promise<void> {
  await tx.execute("set local payment.severing = 'on'");
  await tx.execute(
    `update audit_log set user_id = ?, reason = null,
       actor = case when split_part(actor, ':', 1) in ('user', 'admin', 'service') and substr(actor, strpos(actor, ':') + 1) = ?
                    then split_part(actor, ':', 1) || ':' || ? else actor end,
       row_id = case when row_id = ? then ? else row_id end,
       before = before - ${PERSONAL} - ${WHOSE}, after = after - ${PERSONAL} - ${WHOSE}
     where user_id = ?`,
    [pseudonym, userId, pseudonym, userId, pseudonym, userId],
  );
  await tx.execute("set local payment.severing = 'off'");
}

const roles = (userId: string) => ["user", "admin", "service"].map((role) => `${role}:${userId}`);

/**
 * Empties what Stripe's events told of somebody's objects. New ones are kept without what names a person; those that an
 * earlier version stored hold it until they are old. What a comparison noted that had begun before goes as well.
 */
export async function forgetRest(
  em: EntityManager,
  { userId, pseudonym }: { userId: string; pseudonym: string },
): Promise<void> {
  await em.execute("delete from reconciliation_drift where user_id = ?", [userId]);
  // whoever was to be woken by it may have died: nothing would ever take it away
  for (const key of wakesOf("outbox", userId))
    await em.execute("select graphile_worker.remove_job(?)", [key]);
  await em.execute(
    `update stripe_events set payload = null, last_error = null
      where (payload is not null or last_error is not null) and object_id in (${OBJECTS})`,
    Array.from({ length: 7 }, () => pseudonym),
  );
  await em.execute(
    // what was never used says of itself alone whose it is
    `update stripe_events set payload = null
      where object_id is null and payload is not null and exists
        (select from (${CUSTOMERS} union select ?) named (id) where strpos(payload::text, to_json(id)::text) > 0)`,
    [pseudonym, pseudonym, userId],
  );
}

/**
 * The last of it, at once: strikes the pseudonym from the tombstone. What was written under it in the same moment would
 * lead back to it, so the tombstone, and the line of the log that says who asked for it, keep the day alone.
 */
export async function cutLink(em: EntityManager, userId: string, at: Date): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.execute(
      `update anonymized_users set pseudonym = null, tries = 0, next_try_at = ${dayOf("next_try_at")},
         requested_at = ${dayOf("requested_at")}, severed_at = ${dayOf("severed_at")}, finished_at = ${dayOf("?::timestamptz")}
       where user_id = ? and finished_at is null`,
      [at, userId],
    );
    await tx.execute("set local payment.severing = 'on'");
    // the time is in the id as well
    await tx.execute(
      `update audit_log set id = gen_random_uuid(), at = ${dayOf("at")}
       where table_name = 'anonymized_users' and row_id = ?`,
      [userId],
    );
    await tx.execute("set local payment.severing = 'off'");
  });
}

const dayOf = (instant: string) => `date_trunc('day', ${instant}, 'UTC')`;

const CUSTOMERS = `select stripe_customer_id from customers where user_id = ?
  union select stripe_customer_id from former_customers where user_id = ?`;

const OBJECTS = [
  ...["stripe_customer_id from customers", "stripe_customer_id from former_customers"],
  ...["stripe_subscription_id from subscriptions", "stripe_invoice_id from invoices"],
  ...["stripe_payment_intent_id from payments", "id from checkout_sessions"],
  "stripe_payment_method_id from payment_methods",
]
  .map((column) => `select ${column} where user_id = ?`)
  .join(" union ");
