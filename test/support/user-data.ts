import { v7 } from "uuid";
import { giveBelongings } from "../authorisation/belongings.ts";
import { newUser, type TestService } from "./service.ts";

/** Puts a row into a table, as it is. */
export const put = (service: TestService, table: string, row: Record<string, unknown>) =>
  service.app.parts.orm.em.fork().execute(
    `insert into ${table} (${Object.keys(row).join(", ")}) values (${Object.keys(row)
      .map(() => "?")
      .join(", ")})`,
    Object.values(row).map((value) =>
      typeof value === "object" && !(value instanceof Date) ? JSON.stringify(value) : value,
    ),
  );

/** Somebody of whom there is a row in every table that is told of, with what may not be told. */
export async function somebody(service: TestService): Promise<string> {
  const userId = newUser();
  await giveBelongings(service.app.parts.orm.em.fork(), userId);
  const [theirs] = await service.app.parts.orm.em
    .fork()
    .execute<Record<"subscription" | "payment" | "purchase", string>[]>(
      `select s.stripe_subscription_id as subscription, p.stripe_payment_intent_id as payment, o.id as purchase
       from subscriptions s join payments p using (user_id) join purchases o using (user_id) where user_id = ? limit 1`,
      [userId],
    );
  const { subscription, payment, purchase } = theirs as NonNullable<typeof theirs>;
  const [at, code] = [new Date(), `CODE-${userId.replace(/\W/g, "")}`.slice(0, 40).toUpperCase()];
  const [promotion, report] = [v7(), v7()];
  const own = { user_id: userId };
  const customer = `cus_${v7().replaceAll("-", "")}`;
  const rows: [table: string, row: Record<string, unknown>][] = [
    [
      "customers",
      {
        ...own,
        stripe_customer_id: customer,
        email: `${userId}@example.com`,
        is_deleted: false,
        version: 1,
        created_at: at,
      },
    ],
    ["former_customers", { ...own, stripe_customer_id: `${customer}old`, replaced_at: at }],
    [
      "expiry_notices",
      { ...own, stripe_payment_method_id: `pm_${userId}`, exp_year: 2040, exp_month: 12, told_at: at },
    ],
    ["subscription_slots", { ...own, stripe_subscription_id: subscription, updated_at: at }],
    [
      "checkout_sessions",
      {
        ...own,
        id: `cs_test_${v7()}`,
        mode: "payment",
        status: "open",
        payment_status: "unpaid",
        url: "https://pay.example.com/way-in",
        expires_at: at,
        version: 1,
      },
    ],
    [
      "purchase_slots",
      { ...own, resource_type: "COURSE", resource_id: "a-course", purchase_id: purchase, updated_at: at },
    ],
    [
      "promotions",
      {
        id: promotion,
        code,
        code_key: code,
        scope: "PLATFORM",
        first_time_only: false,
        starts_at: at,
        max_per_user: 1,
        created_at: at,
      },
    ],
    ["promotion_redemptions", { ...own, id: v7(), promotion_id: promotion, used_at: at, created_at: at }],
    [
      "trial_claims",
      {
        ...own,
        kind: "user",
        hmac: `hashed-${userId}`,
        stripe_subscription_id: subscription,
        claimed_at: at,
      },
    ],
    [
      "intents",
      {
        ...own,
        id: v7(),
        kind: "cancel",
        subject: subscription,
        params: { comment: "too dear", customer },
        params_hash: "hashed-params",
        attempt: 1,
        state: "FAILED",
        error: { code: "PAYMENT_DECLINED", message: "the bank's words", declineCode: "stolen_card" },
        tries: 1,
        created_at: at,
      },
    ],
    [
      "idempotency_keys",
      {
        caller_id: `user:${userId}`,
        key: "way-in",
        operation: "cancelSubscription",
        input_hash: "hashed-input",
        created_at: at,
      },
    ],
    [
      "audit_log",
      {
        ...own,
        id: v7(),
        at,
        actor: "admin:chief",
        action: "changed",
        table_name: "payments",
        row_id: payment,
        reason: "wrote about\npi_123456789, and\re_1",
        before: { failureCode: "lost_card", description: "in_depth" },
        after: { failureCode: null, failureMessage: "the bank's words", status: "SUCCEEDED" },
      },
    ],
    [
      "outbox",
      {
        ...{
          ...own,
          id: v7(),
          sequence: 9,
          type: "payment.failed",
          data: { failureCode: "stolen_card", failureReason: "lost_card" },
        },
        ...{ occurred_at: at, sent_at: at, attempts: 1, next_try_at: at },
      },
    ],
    [
      "reconciliation_reports",
      {
        id: report,
        asked_by: "operator:me",
        repairs: false,
        since: at,
        started_at: at,
        users: 1,
        failed_users: 0,
      },
    ],
    [
      "reconciliation_drift",
      {
        ...own,
        id: v7(),
        report_id: report,
        table_name: "payments",
        row_key: payment,
        kind: "changed",
        state: "drift",
        columns: { failure_code: ["lost_card", null], stripe_payment_intent_id: [payment, null] },
      },
    ],
  ];
  for (const [table, row] of rows) await put(service, table, row);
  return userId;
}
