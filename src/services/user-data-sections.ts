/** What is told of one table: every column is shown, or left out for a reason. */
export interface Section {
  table: string;
  /** Which rows are somebody's, after `from <table> t`; `whose` has the user's id. */
  rows: string;
  /** What they are ordered by. */
  at: string;
  /** Names in the document, and the column or the SQL that each is. */
  shown: Record<string, string>;
  /** Columns that are left out: their names, by the reason. */
  left: Record<string, string>;
}

const AT_STRIPE =
  "an id at the payment provider: it opens its own records to us, and says nothing of the person";
const WORKINGS = "how the service works: counters, leases, tries, guards";
const HASHED = "a hash, made so that nobody can tell from it what it was made of";
const LETS_IN = "lets whoever has it in: asked for where it is used";
const BANKS = "what banks say to us and not to cardholders, who are told a code or a state";
const ELSEWHERE = "told by another name of the same row";

const WHOSE = "(select user_id from whose)";
const OWN = `where t.user_id = ${WHOSE}`;
/** No index of theirs begins with the user: they are found by what they belong to, whose they always are. */
const OF_PAYMENTS = `join payments p using (stripe_payment_intent_id) where p.user_id = ${WHOSE}`;
const OF_INVOICES = `join invoices i using (stripe_invoice_id) where i.user_id = ${WHOSE}`;

/** As the tables' naming strategy has it. */
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
export const camel = (name: string) => name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
const columns = (names: string) => Object.fromEntries(names.split(" ").map((name) => [name, snake(name)]));

const ourId = (table: string, key: string, value = `t.${key}`) =>
  `(select x.id from ${table} x where x.${key} = ${value})`;
const SUBSCRIPTION = ourId("subscriptions", "stripe_subscription_id");
const planName = (id: string) => `(select x.name from subscription_plans x where x.id = t.${id})`;
const COMPARED_AT = "(select x.started_at from reconciliation_reports x where x.id = t.report_id)";

/**
 * All that is kept of a user, in the order of the document. A table that is not here stands in {@link NOT_TOLD}; a test
 * holds both, and every column, against the database.
 */
export const SECTIONS: readonly Section[] = [
  {
    ...{ table: "customers", rows: OWN, at: "t.created_at" },
    shown: columns("email currency isDeleted createdAt"),
    left: { [AT_STRIPE]: "stripeCustomerId defaultPaymentMethodId", [WORKINGS]: "version" },
  },
  {
    ...{ table: "former_customers", rows: OWN, at: "t.replaced_at" },
    shown: columns("replacedAt"),
    left: { [AT_STRIPE]: "stripeCustomerId" },
  },
  {
    ...{ table: "payment_methods", rows: OWN, at: "t.stripe_created_at" },
    shown: { ...columns("id type brand last4 expMonth expYear isDefault"), createdAt: "stripe_created_at" },
    left: { [AT_STRIPE]: "stripePaymentMethodId" },
  },
  {
    ...{ table: "expiry_notices", rows: OWN, at: "t.told_at" },
    shown: {
      paymentMethodId: ourId("payment_methods", "stripe_payment_method_id"),
      ...columns("expMonth expYear toldAt"),
    },
    left: { [ELSEWHERE]: "stripePaymentMethodId" },
  },
  {
    ...{ table: "subscriptions", rows: OWN, at: "t.stripe_created_at" },
    shown: {
      ...columns("id planId"),
      planName: planName("plan_id"),
      ...columns("status quantity currentPeriodStart currentPeriodEnd trialEndsAt hasPaymentMethod"),
      ...columns("cancelAtPeriodEnd cancelAt canceledAt endedAt cancellationReason"),
      scheduledPlanName: planName("scheduled_plan_id"),
      ...columns("scheduledPlanId scheduledAt scheduledQuantity wasLive isTrialRefused"),
      isDuplicate: "t.duplicate_of is not null",
      createdAt: "stripe_created_at",
    },
    left: {
      [AT_STRIPE]:
        "stripeSubscriptionId stripePriceId scheduledPriceId pendingInvoiceId defaultPaymentMethodId",
      ...{ [ELSEWHERE]: "duplicateOf", [WORKINGS]: "version" },
    },
  },
  {
    ...{ table: "subscription_slots", rows: OWN, at: "t.updated_at" },
    shown: { subscriptionId: SUBSCRIPTION, ...columns("updatedAt") },
    left: { [AT_STRIPE]: "stripeSubscriptionId checkoutSessionId", [WORKINGS]: "intentId" },
  },
  {
    ...{ table: "checkout_sessions", rows: OWN, at: "t.expires_at" },
    shown: {
      ...columns("mode status paymentStatus purchaseId"),
      subscriptionId: SUBSCRIPTION,
      ...columns("expiresAt"),
    },
    left: {
      ...{ [AT_STRIPE]: "id", [ELSEWHERE]: "stripeSubscriptionId" },
      ...{ [LETS_IN]: "url", [WORKINGS]: "intentId version" },
    },
  },
  {
    ...{ table: "invoices", rows: OWN, at: "t.stripe_created_at" },
    shown: {
      ...columns("id number status"),
      subscriptionId: SUBSCRIPTION,
      ...columns("purchaseId currency subtotalMinor taxMinor totalMinor amountPaidMinor amountDueMinor"),
      ...columns("amountCreditedMinor periodStart periodEnd issuedAt paidAt nextPaymentAttemptAt"),
      createdAt: "stripe_created_at",
    },
    left: { [AT_STRIPE]: "stripeInvoiceId", [ELSEWHERE]: "stripeSubscriptionId", [WORKINGS]: "version" },
  },
  {
    ...{ table: "invoice_lines", rows: OF_INVOICES, at: "i.stripe_created_at" },
    shown: {
      invoiceId: "i.id",
      ...columns("position description quantity amountMinor currency periodStart periodEnd"),
    },
    left: { [AT_STRIPE]: "stripeLineId", [ELSEWHERE]: "stripeInvoiceId stripeSubscriptionId" },
  },
  {
    ...{ table: "invoice_payments", rows: OF_INVOICES, at: "i.stripe_created_at" },
    shown: {
      invoiceId: "i.id",
      paymentId: ourId("payments", "stripe_payment_intent_id"),
      ...columns("status"),
    },
    left: { [AT_STRIPE]: "stripeInvoicePaymentId", [ELSEWHERE]: "stripeInvoiceId stripePaymentIntentId" },
  },
  {
    ...{ table: "payments", rows: OWN, at: "t.stripe_created_at" },
    shown: {
      ...columns("id status description methodLabel amountMinor amountReceivedMinor amountRefundedMinor"),
      ...columns("currency failureCode purchaseId"),
      createdAt: "stripe_created_at",
    },
    left: {
      [AT_STRIPE]: "stripePaymentIntentId",
      [BANKS]: "failureMessage",
      ...{ [LETS_IN]: "receiptUrl", [WORKINGS]: "version" },
    },
  },
  {
    ...{ table: "charges", rows: OF_PAYMENTS, at: "t.stripe_created_at" },
    shown: {
      paymentId: "p.id",
      ...columns("status amountMinor amountRefundedMinor currency failureCode"),
      createdAt: "stripe_created_at",
    },
    left: { [AT_STRIPE]: "stripeChargeId", [ELSEWHERE]: "stripePaymentIntentId" },
  },
  {
    ...{ table: "refunds", rows: OF_PAYMENTS, at: "t.stripe_created_at" },
    shown: {
      ...columns("id"),
      paymentId: "p.id",
      ...columns("status amountMinor currency access reason"),
      createdAt: "stripe_created_at",
    },
    left: {
      ...{ [AT_STRIPE]: "stripeRefundId stripeChargeId", [ELSEWHERE]: "stripePaymentIntentId" },
      ...{ [BANKS]: "failureReason", [WORKINGS]: "version" },
    },
  },
  {
    ...{ table: "disputes", rows: OF_PAYMENTS, at: "t.stripe_created_at" },
    shown: {
      ...columns("id"),
      paymentId: "p.id",
      ...columns("status reason amountMinor currency evidenceDueAt"),
      createdAt: "stripe_created_at",
    },
    left: {
      ...{ [AT_STRIPE]: "stripeDisputeId stripeChargeId", [ELSEWHERE]: "stripePaymentIntentId" },
      [WORKINGS]: "version",
    },
  },
  {
    ...{ table: "purchases", rows: OWN, at: "t.created_at" },
    shown: {
      ...columns("id resourceType resourceId status amountMinor creditedMinor creditedFrom discountedMinor"),
      ...columns("currency"),
      paymentId: ourId("payments", "stripe_payment_intent_id"),
      invoiceId: ourId("invoices", "stripe_invoice_id"),
      ...columns("payBefore purchasedAt withdrawnAt createdAt"),
    },
    left: {
      [AT_STRIPE]: "checkoutSessionId",
      ...{ [ELSEWHERE]: "stripeInvoiceId stripePaymentIntentId", [WORKINGS]: "intentId version" },
    },
  },
  {
    ...{ table: "purchase_slots", rows: OWN, at: "t.updated_at" },
    shown: columns("resourceType resourceId purchaseId updatedAt"),
    left: {},
  },
  {
    ...{ table: "promotion_redemptions", rows: OWN, at: "t.created_at" },
    shown: {
      ...columns("id"),
      code: "(select x.code from promotions x where x.id = t.promotion_id)",
      ...columns("purchaseId usedAt releasedAt createdAt"),
    },
    left: { [ELSEWHERE]: "promotionId", [WORKINGS]: "intentId" },
  },
  {
    ...{ table: "user_access", rows: OWN, at: "t.starts_at" },
    shown: columns("id source sourceId scope resourceId startsAt expiresAt revokedAt"),
    left: { [WORKINGS]: "version" },
  },
  {
    ...{ table: "trial_claims", rows: OWN, at: "t.claimed_at" },
    shown: { ...columns("kind claimedAt"), subscriptionId: SUBSCRIPTION },
    left: { [HASHED]: "hmac", [ELSEWHERE]: "stripeSubscriptionId" },
  },
  {
    ...{ table: "intents", rows: OWN, at: "t.created_at" },
    shown: columns("id kind state params error createdAt postedAt settledAt"),
    left: {
      ...{ [AT_STRIPE]: "stripeId subject", [HASHED]: "paramsHash" },
      [WORKINGS]: "attempt tries nextTryAt leaseUntil",
    },
  },
  {
    table: "idempotency_keys",
    rows: `where t.caller_id in ('user:' || ${WHOSE}, 'admin:' || ${WHOSE}, 'service:' || ${WHOSE})`,
    at: "t.created_at",
    shown: columns("operation createdAt"),
    left: {
      "says no more than whose document it is": "callerId",
      "the client's own key, good for one call": "key",
      ...{ [HASHED]: "inputHash", [WORKINGS]: "reference intentId leaseUntil" },
    },
  },
  {
    ...{ table: "outbox", rows: OWN, at: "t.occurred_at" },
    shown: columns("id type data occurredAt sentAt"),
    left: { [WORKINGS]: "sequence attempts nextTryAt leaseUntil traceparent" },
  },
  {
    ...{ table: "audit_log", rows: OWN, at: "t.at" },
    shown: {
      // in which part somebody acted; who of the staff it was is their own
      ...{ at: "at", by: "split_part(t.actor, ':', 1)" },
      ...columns("action tableName rowId reason before after"),
    },
    left: {
      [WORKINGS]: "id",
      "the ids of those who work for the platform are theirs; `by` says in which part they acted": "actor",
      [AT_STRIPE]: "causedBy",
    },
  },
  {
    ...{ table: "reconciliation_drift", rows: OWN, at: COMPARED_AT },
    shown: { comparedAt: COMPARED_AT, ...columns("tableName kind state columns") },
    left: { [WORKINGS]: "id", [ELSEWHERE]: "reportId", [AT_STRIPE]: "rowKey" },
  },
];

/** Tables of which nothing is told, and why. */
export const NOT_TOLD: Readonly<Record<string, string>> = {
  anonymized_users: "whoever stands in it has no data any more, and is answered USER_ANONYMIZED",
  stripe_events:
    "hints that something has changed at Stripe, kept for days and without what names a person; what they led to is in the tables above",
  sync_tickets: "the order in which Stripe's objects were read, by Stripe's ids",
  reconciliation_reports: "counts over all users; what differed of this one is in reconciliation_drift",
  subscription_plans: "what is sold, to everybody",
  offers: "what is sold, to everybody",
  learning_path_courses: "what is sold, to everybody",
  promotions: "codes that staff have made; what this user did with them is in promotion_redemptions",
  cursors: "how far the service has come with its own work",
  migrations: "which changes the database has had",
};

/** What a section is called in the document. */
export const nameOf = ({ table }: Section) => camel(table);
/** The columns of a section that are left out. */
export const leftOf = ({ left }: Section) => Object.values(left).flatMap((names) => names.split(" "));
