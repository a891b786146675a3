import { Subscription } from "../../src/entities/subscription.ts";
import {
  type BillingFacts,
  grantOf,
  LATE_WEBHOOK_MARGIN_MS,
} from "../../src/services/subscription-access.ts";
import { SubscriptionStatus } from "../../src/types/enums.ts";

const PAID_THROUGH = new Date("2026-04-01T00:00:00Z");
const TRIAL_END = new Date("2026-03-15T12:30:01Z");
const FAILED_AT = new Date("2026-04-01T01:02:03Z");
const GRACE_DAYS = 7;
const after = (from: Date, ms: number) => new Date(from.getTime() + ms);
const HOURS = 3_600_000;
const DAYS = 24 * HOURS;

const PAID: BillingFacts = { paidThrough: PAID_THROUGH, everPaid: true, firstFailureAt: null };
const UNPAID: BillingFacts = { paidThrough: null, everPaid: false, firstFailureAt: null };

function subscription(status: SubscriptionStatus, more: Partial<Subscription> = {}): Subscription {
  return Object.assign(new Subscription(), {
    status,
    cancelAtPeriodEnd: false,
    cancelAt: null,
    endedAt: null,
    hasPaymentMethod: true,
    ...more,
  });
}
const BY_FLAG = { cancelAtPeriodEnd: true };
const BY_DATE = { cancelAt: PAID_THROUGH };
const trial = { trialEndsAt: TRIAL_END };

type Case = [name: string, subscription: Subscription, facts: BillingFacts, expected: [string, Date] | null];

test.each<Case>([
  [
    "trialing with a method: trial and margin",
    subscription("TRIALING", trial),
    UNPAID,
    ["TRIAL", after(TRIAL_END, 48 * HOURS)],
  ],
  [
    "trialing without a method: the trial",
    subscription("TRIALING", { ...trial, hasPaymentMethod: false }),
    UNPAID,
    ["TRIAL", TRIAL_END],
  ],
  [
    "trialing, cancel by flag: the trial",
    subscription("TRIALING", { ...trial, ...BY_FLAG }),
    UNPAID,
    ["TRIAL", TRIAL_END],
  ],
  [
    "trialing, cancel by date: the trial",
    subscription("TRIALING", { ...trial, ...BY_DATE }),
    UNPAID,
    ["TRIAL", TRIAL_END],
  ],
  [
    "trialing, of somebody who has had a trial: nothing",
    subscription("TRIALING", { ...trial, isTrialRefused: true }),
    UNPAID,
    null,
  ],
  ["trialing without an end: nothing", subscription("TRIALING"), UNPAID, null],
  [
    "active and paid: paid through and margin",
    subscription("ACTIVE"),
    PAID,
    ["SUBSCRIPTION", after(PAID_THROUGH, 48 * HOURS)],
  ],
  [
    "active, cancel by flag: paid through",
    subscription("ACTIVE", BY_FLAG),
    PAID,
    ["SUBSCRIPTION", PAID_THROUGH],
  ],
  [
    "active, cancel by date: paid through",
    subscription("ACTIVE", BY_DATE),
    PAID,
    ["SUBSCRIPTION", PAID_THROUGH],
  ],
  ["active and nothing paid yet: nothing", subscription("ACTIVE"), UNPAID, null],
  [
    "active by a free invoice: as paid",
    subscription("ACTIVE"),
    { ...PAID, everPaid: false },
    ["SUBSCRIPTION", after(PAID_THROUGH, 48 * HOURS)],
  ],
  [
    "past due: first failure and grace",
    subscription("PAST_DUE"),
    { ...PAID, firstFailureAt: FAILED_AT },
    ["SUBSCRIPTION", after(FAILED_AT, 7 * DAYS)],
  ],
  [
    "past due, cancel scheduled: the same grace",
    subscription("PAST_DUE", BY_FLAG),
    { ...PAID, firstFailureAt: FAILED_AT },
    ["SUBSCRIPTION", after(FAILED_AT, 7 * DAYS)],
  ],
  [
    "past due, failure not mirrored yet: paid through and grace",
    subscription("PAST_DUE"),
    PAID,
    ["SUBSCRIPTION", after(PAID_THROUGH, 7 * DAYS)],
  ],
  [
    "past due out of a trial, never paid: nothing",
    subscription("PAST_DUE"),
    { ...UNPAID, firstFailureAt: FAILED_AT },
    null,
  ],
  ["past due, free invoices only: nothing", subscription("PAST_DUE"), { ...PAID, everPaid: false }, null],
  ["paused after paying: paid through", subscription("PAUSED"), PAID, ["SUBSCRIPTION", PAID_THROUGH]],
  ["paused out of a trial: nothing", subscription("PAUSED"), UNPAID, null],
  [
    "paused out of a trial with its free invoice: nothing",
    subscription("PAUSED"),
    { ...PAID, everPaid: false },
    null,
  ],
  [
    "canceled at period end: paid through",
    subscription("CANCELED", { endedAt: PAID_THROUGH }),
    PAID,
    ["SUBSCRIPTION", PAID_THROUGH],
  ],
  [
    "canceled a second early: that second",
    subscription("CANCELED", { endedAt: after(PAID_THROUGH, -1000) }),
    PAID,
    ["SUBSCRIPTION", after(PAID_THROUGH, -1000)],
  ],
  [
    "canceled after unpaid weeks: paid through",
    subscription("CANCELED", { endedAt: after(PAID_THROUGH, 21 * DAYS) }),
    PAID,
    ["SUBSCRIPTION", PAID_THROUGH],
  ],
  [
    "canceled in its trial: nothing",
    subscription("CANCELED", { ...trial, endedAt: TRIAL_END }),
    UNPAID,
    null,
  ],
  ["unpaid: nothing", subscription("UNPAID"), PAID, null],
  ["incomplete: nothing", subscription("INCOMPLETE"), PAID, null],
  ["incomplete and expired: nothing", subscription("INCOMPLETE_EXPIRED"), PAID, null],
])("%s", (_name, row, facts, expected) => {
  const grant = grantOf(row, facts, GRACE_DAYS);
  expect(grant && [grant.source, grant.expiresAt]).toEqual(expected);
});

test("every status of Stripe's has an answer", () => {
  for (const status of Object.keys(SubscriptionStatus) as SubscriptionStatus[])
    expect([status, grantOf(subscription(status), UNPAID, GRACE_DAYS)]).toEqual([status, null]);
});

test("a grace period of no days ends with the first failed charge", () => {
  const facts = { ...PAID, firstFailureAt: FAILED_AT };
  expect(grantOf(subscription("PAST_DUE"), facts, 0)?.expiresAt).toEqual(FAILED_AT);
});

test("the margin for late webhooks is 48 hours", () => {
  expect(LATE_WEBHOOK_MARGIN_MS).toBe(48 * HOURS);
});
