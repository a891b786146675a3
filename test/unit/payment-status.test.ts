import fc from "fast-check";
import { Dispute } from "../../src/entities/dispute.ts";
import { Payment } from "../../src/entities/payment.ts";
import { Refund } from "../../src/entities/refund.ts";
import { refundedMinor, statusOf } from "../../src/sync/payment-status.ts";

/** What happens to a payment: money arrives, goes back or is taken back, and any of that ends this way or that. */
type Step =
  | { does: "capture"; minor: number }
  | { does: "refund"; minor: number }
  | { does: "refund ends"; at: number; status: string }
  | { does: "dispute"; minor: number; status: string }
  | { does: "dispute ends"; at: number; status: string };

const REFUND_STATES = ["pending", "requires_action", "succeeded", "failed", "canceled", "a_later_word"];
const DISPUTE_STATES = [
  ...["warning_needs_response", "warning_under_review", "warning_closed", "prevented"],
  ...["needs_response", "under_review", "won", "lost", "a_later_word"],
];
const minor = fc.integer({ min: 1, max: 6_000 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constant("capture" as const), minor }),
  fc.record({ does: fc.constant("refund" as const), minor }),
  fc.record({
    ...{ does: fc.constant("refund ends" as const), at: fc.nat(9) },
    status: fc.constantFrom(...REFUND_STATES),
  }),
  fc.record({ does: fc.constant("dispute" as const), minor, status: fc.constantFrom(...DISPUTE_STATES) }),
  fc.record({
    ...{ does: fc.constant("dispute ends" as const), at: fc.nat(9) },
    status: fc.constantFrom(...DISPUTE_STATES),
  }),
);

const AMOUNT = 5_000;
interface World {
  received: number;
  refunds: { amountMinor: number; status: string }[];
  disputes: { amountMinor: number; status: string }[];
}

/** What Stripe has after a step. It gives back no more than is left, but a bank takes whatever it likes. */
function after(world: World, step: Step): World {
  const { received, refunds, disputes } = world;
  const given = refunds
    .filter(({ status }) => status !== "failed" && status !== "canceled")
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  switch (step.does) {
    case "capture":
      return received > 0 ? world : { ...world, received: Math.min(step.minor, AMOUNT) };
    case "refund":
      return given + step.minor > received
        ? world
        : { ...world, refunds: [...refunds, { amountMinor: step.minor, status: "pending" }] };
    case "refund ends":
      return { ...world, refunds: ended(refunds, step) };
    case "dispute":
      return received === 0
        ? world
        : { ...world, disputes: [...disputes, { amountMinor: step.minor, status: step.status }] };
    case "dispute ends":
      return { ...world, disputes: ended(disputes, step) };
  }
}

/** The one that is meant ends so; what has failed stays so. */
function ended<T extends { status: string }>(rows: T[], step: { at: number; status: string }): T[] {
  return rows.map((row, at) => {
    const isOver = row.status === "failed" || row.status === "canceled";
    return at === step.at % rows.length && !isOver ? { ...row, status: step.status } : row;
  });
}

/** The payment as a sync writes it. */
function paymentOf({ received, refunds, disputes }: World): Payment {
  const back = {
    refunds: refunds.map((row) => ({ row: Object.assign(new Refund(), row), before: null, after: null })),
    disputes: disputes.map((row) => ({ row: Object.assign(new Dispute(), row), before: null, after: null })),
  };
  const intent = {
    amount_received: received,
    last_payment_error: null,
    status: received > 0 ? ("succeeded" as const) : ("requires_capture" as const),
  };
  return Object.assign(new Payment(), {
    ...{ amountMinor: AMOUNT, amountReceivedMinor: received, currency: "USD" },
    amountRefundedMinor: refundedMinor(intent, back),
    status: statusOf(intent, [{ status: "succeeded" }], back),
  });
}

/** DESIGN §4 once more, in other words than the code's. */
function expectedStatus({ received, refunds, disputes }: World): string {
  const taken = ["needs_response", "under_review", "lost", "a_later_word"];
  if (disputes.some(({ status }) => taken.includes(status))) return "DISPUTED";
  const alive = refunds.filter(({ status }) => !["failed", "canceled"].includes(status));
  if (received === 0) return "PROCESSING";
  if (alive.length === 0) return "SUCCEEDED";
  return alive.reduce((left, { amountMinor }) => left - amountMinor, received) > 0
    ? "PARTIALLY_REFUNDED"
    : "REFUNDED";
}

test("after any captures, refunds and disputes 0 ≤ refunded ≤ paid, and the status follows from the rows", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      let world: World = { received: 0, refunds: [], disputes: [] };
      for (const step of steps) {
        world = after(world, step);
        const payment = paymentOf(world);
        const { amountRefundedMinor: refunded, amountReceivedMinor: paid, refundableMinor: left } = payment;
        expect(refunded).toBeGreaterThanOrEqual(0);
        expect(refunded).toBeLessThanOrEqual(paid);
        expect(payment.status).toBe(expectedStatus(world));
        // what may be given back never takes more than what arrived, and nothing of what a bank has
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left).toBe(["SUCCEEDED", "PARTIALLY_REFUNDED"].includes(payment.status) ? paid - refunded : 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("a dispute of all, after a part has gone back, is not below zero; won, the rest can be given back", () => {
  const refunds = [{ amountMinor: 2_000, status: "succeeded" }];
  const disputed = (status: string) =>
    paymentOf({ received: AMOUNT, refunds, disputes: [{ amountMinor: AMOUNT, status }] });
  for (const status of ["needs_response", "lost"])
    expect(disputed(status)).toMatchObject({
      ...{ status: "DISPUTED", amountRefundedMinor: 2_000, refundableMinor: 0 },
    });
  for (const status of ["won", "warning_closed", "prevented"])
    expect(disputed(status)).toMatchObject({ status: "PARTIALLY_REFUNDED", refundableMinor: 3_000 });
});

test("what was only reserved and let go is no refund of what was paid", () => {
  const canceled = { amount_received: 0, last_payment_error: null, status: "canceled" as const };
  const released = Object.assign(new Refund(), { amountMinor: AMOUNT, status: "succeeded" });
  const back = { refunds: [{ row: released, before: null, after: null }], disputes: [] };
  expect(refundedMinor(canceled, back)).toBe(0);
  expect(statusOf(canceled, [{ status: "succeeded" }], back)).toBe("CANCELED");
});
