import { expireCoupon } from "./billing/catalogue/coupons.ts";
import { endDiscount } from "./billing/catalogue/discounts.ts";
import { expireSession } from "./billing/checkout/checkout.ts";
import { advanceDraft, payInvoice } from "./billing/invoices/collection.ts";
import { tellOverdue } from "./billing/invoices/overdue.ts";
import { availableAt, release } from "./billing/payments/balance.ts";
import { expireAuthorization } from "./billing/payments/captures.ts";
import { reservedUntil } from "./billing/payments/charges.ts";
import { conclude, decideCharge, decidedAt } from "./billing/payments/conclusions.ts";
import { answerBy, lapse } from "./billing/payments/disputes.ts";
import { arrive, arrivesAt } from "./billing/payments/refunds.ts";
import { tellScheduleEnd } from "./billing/schedules/schedules.ts";
import { turn, turnsAt } from "./billing/schedules/turns.ts";
import { expireAwaited } from "./billing/subscriptions/awaited-changes.ts";
import { endAsPlanned, expireIncomplete, lapsesAt } from "./billing/subscriptions/cancellation.ts";
import { tellTrialEnd } from "./billing/subscriptions/details.ts";
import { endsAt, renew, renewsAt } from "./billing/subscriptions/renewals.ts";
import { tellInvoice } from "./billing/subscriptions/upcoming.ts";
import { deleteTestClock } from "./billing/test-clocks.ts";
import { type DueRule, dueRule } from "./due.ts";
import { isFinal } from "./states.ts";

/** Everything that happens by itself when its time has come. */
export const dueRules: DueRule[] = [
  dueRule({
    name: "money becomes available",
    kind: "balance_transaction",
    at: availableAt,
    run: release,
  }),
  dueRule({
    name: "a bank decides a debit",
    kind: "charge",
    at: decidedAt,
    run: (tx, charge) => void decideCharge(tx, charge),
  }),
  dueRule({
    name: "reserved money was not captured in time",
    kind: "charge",
    at: reservedUntil,
    run: (tx, charge) => void conclude(tx, expireAuthorization(tx, charge)),
  }),
  dueRule({
    name: "a refund arrives, or comes back",
    kind: "refund",
    at: arrivesAt,
    run: (tx, refund) => void arrive(tx, refund),
  }),
  dueRule({
    name: "a dispute was not answered in time",
    kind: "dispute",
    at: answerBy,
    run: (tx, dispute) => void lapse(tx, dispute),
  }),
  dueRule({
    name: "a checkout session expires",
    kind: "checkout.session",
    at: (session) => (session.status === "open" ? session.expires_at : null),
    run: (tx, session) => expireSession(tx, session),
  }),
  dueRule({
    name: "a draft invoice is finalized",
    kind: "invoice",
    at: (invoice) => (invoice.status === "draft" ? invoice.automatically_finalizes_at : null),
    run: (tx, invoice) => advanceDraft(tx, invoice),
  }),
  dueRule({
    name: "an invoice is collected",
    kind: "invoice",
    at: (invoice) =>
      invoice.status === "open" && invoice.auto_advance ? invoice.next_payment_attempt : null,
    run: (tx, invoice) => void payInvoice(tx, invoice, { automatic: true }),
  }),
  dueRule({
    name: "a coupon can be redeemed no longer",
    kind: "coupon",
    at: (coupon) => (coupon.valid ? coupon.redeem_by : null),
    run: (tx, coupon) => expireCoupon(tx, coupon),
  }),
  dueRule({
    name: "a promotion code expires",
    kind: "promotion_code",
    at: (code) => (code.active ? code.expires_at : null),
    run: (tx, code) => void tx.update("promotion_code", code.id, { active: false }, "promotion_code.updated"),
  }),
  dueRule({
    name: "a discount for some months ends",
    kind: "discount",
    at: (discount) => discount.end,
    run: (tx, discount) => endDiscount(tx, discount),
  }),
  dueRule({
    name: "an unpaid subscription lapses",
    kind: "subscription",
    at: lapsesAt,
    run: (tx, subscription) => expireIncomplete(tx, subscription),
  }),
  dueRule({
    name: "an old test clock is deleted",
    kind: "test_helpers.test_clock",
    at: (clock) => clock.deletes_after,
    run: (tx, clock) => void deleteTestClock(tx, clock),
  }),
  dueRule({
    name: "a subscription ends as it was told to",
    kind: "subscription",
    at: endsAt,
    run: endAsPlanned,
  }),
  dueRule({ name: "a schedule turns", kind: "subscription_schedule", at: turnsAt, run: turn }),
  dueRule({
    name: "a schedule is about to end",
    kind: "schedule_details",
    at: (details) => details.expiring_at,
    run: tellScheduleEnd,
  }),
  dueRule({ name: "a subscription renews", kind: "subscription", at: renewsAt, run: renew }),
  dueRule({
    name: "a trial is about to end",
    kind: "subscription_details",
    at: (details) => details.trial_will_end_at,
    run: tellTrialEnd,
  }),
  dueRule({
    name: "a change was not paid for in time",
    kind: "subscription_details",
    at: (details) => details.awaiting?.expires_at ?? null,
    run: expireAwaited,
  }),
  dueRule({
    name: "collection goes on",
    kind: "subscription",
    at: ({ pause_collection, status }) =>
      isFinal("subscription", status) ? null : (pause_collection?.resumes_at ?? null),
    run: (tx, { id }) =>
      void tx.update("subscription", id, { pause_collection: null }, "customer.subscription.updated"),
  }),
  dueRule({
    name: "a sent invoice is overdue",
    kind: "invoice_details",
    at: (details) => details.overdue_at,
    run: tellOverdue,
  }),
  dueRule({
    name: "an invoice is to come",
    kind: "subscription_details",
    at: (details) => details.upcoming_at,
    run: tellInvoice,
  }),
];
