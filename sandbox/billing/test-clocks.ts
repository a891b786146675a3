import { DAY_SECONDS } from "../clock.ts";
import { invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { isFinal } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { removeCustomer } from "./customers/customers.ts";
import { recurrenceAfter } from "./subscriptions/periods.ts";

type TestClock = Kinds["test_helpers.test_clock"];

const KEPT_SECONDS = 30 * DAY_SECONDS;
/** How far a clock without subscriptions may be moved at once. */
const MAX_YEARS = 2;
/** How far one with subscriptions may be moved: so many periods of the shortest one. */
const MAX_INTERVALS = 2;

/** A clock that stands at `frozen_time` until it is moved. https://docs.stripe.com/api/test_clocks */
export function createTestClock(
  tx: Transaction,
  { frozen_time, name }: { frozen_time: number; name?: string | undefined },
): TestClock {
  const clock = tx.insert("test_helpers.test_clock", {
    id: newId("clock"),
    object: "test_helpers.test_clock",
    created: tx.now,
    deletes_after: tx.now + KEPT_SECONDS,
    frozen_time,
    livemode: false,
    name: name ?? null,
    status: "ready",
    status_details: {},
  });
  tx.emit("test_helpers.test_clock.created", clock);
  return clock;
}

/** Sends a clock forward; the world takes it there once this is committed. */
export function advanceTestClock(tx: Transaction, clock: TestClock, to: number): TestClock {
  if (clock.status !== "ready") {
    throw invalidRequest(`This test clock is ${clock.status}: it can only be advanced when it is ready.`);
  }
  if (to <= clock.frozen_time) {
    throw invalidRequest("A test clock can only be advanced to a time after its frozen time.", {
      param: "frozen_time",
    });
  }
  const limit = farthest(tx, clock);
  if (to > limit) {
    throw invalidRequest(
      `A test clock can be advanced by at most two intervals of its shortest subscription, here to ${limit}.`,
      { param: "frozen_time" },
    );
  }
  const advancing = tx.update("test_helpers.test_clock", clock.id, {
    status: "advancing",
    status_details: { advancing: { target_frozen_time: to } },
  });
  tx.emit("test_helpers.test_clock.advancing", advancing);
  return advancing;
}

function farthest(tx: Transaction, clock: TestClock): number {
  const from = clock.frozen_time;
  const ends = customersOf(tx, clock)
    .flatMap((customer) => [...tx.newest("subscription", { index: "customer", key: customer.id })])
    .filter((subscription) => !isFinal("subscription", subscription.status))
    .flatMap((subscription) => subscription.items.data)
    .map((item) => recurrenceAfter(from, item.price.recurring!, MAX_INTERVALS));
  return Math.min(...ends, recurrenceAfter(from, { interval: "year", interval_count: 1 }, MAX_YEARS));
}

export const customersOf = (tx: Transaction, clock: TestClock): Kinds["customer"][] => [
  ...tx.newest("customer", { index: "test_clock", key: clock.id }),
];

/** Takes a clock away, with its customers and all that is theirs. */
export function deleteTestClock(tx: Transaction, clock: TestClock): Kinds["deleted"] {
  for (const customer of customersOf(tx, clock)) removeCustomer(tx, customer);
  tx.remove("test_helpers.test_clock", clock.id);
  tx.emit("test_helpers.test_clock.deleted", clock);
  return tx.insert("deleted", { id: clock.id, object: "test_helpers.test_clock", deleted: true });
}
