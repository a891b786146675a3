import { expireSession } from "./billing/checkout.ts";
import { cancelNow, expireIncomplete, INCOMPLETE_SECONDS } from "./billing/subscription-changes.ts";
import { deleteTestClock } from "./billing/test-clocks.ts";
import { type DueRule, dueRule } from "./due.ts";

/** Everything that happens by itself when its time has come. */
export const dueRules: DueRule[] = [
  dueRule({
    name: "a checkout session expires",
    kind: "checkout.session",
    at: (session) => (session.status === "open" ? session.expires_at : null),
    run: (tx, session) => expireSession(tx, session),
  }),
  dueRule({
    name: "an unpaid subscription lapses",
    kind: "subscription",
    at: (subscription) =>
      subscription.status === "incomplete" ? subscription.created + INCOMPLETE_SECONDS : null,
    run: (tx, subscription) => expireIncomplete(tx, subscription),
  }),
  dueRule({
    name: "an old test clock is deleted",
    kind: "test_helpers.test_clock",
    at: (clock) => clock.deletes_after,
    run: (tx, clock) => void deleteTestClock(tx, clock),
  }),
  dueRule({
    name: "a scheduled cancellation comes true",
    kind: "subscription",
    at: (subscription) =>
      subscription.ended_at === null && subscription.cancel_at_period_end ? subscription.cancel_at : null,
    run: (tx, subscription) => cancelNow(tx, subscription),
  }),
];
