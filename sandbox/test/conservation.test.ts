import { jest } from "@jest/globals";
import fc from "fast-check";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { movements, pay } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(600_000);

// The same stories in every run of the suite; others by CONSERVATION_RUNS=500 CONSERVATION_SEED=$RANDOM.
const RUNS = Number(process.env.CONSERVATION_RUNS ?? 25);
const SEED = Number(process.env.CONSERVATION_SEED ?? 20_261_125);

let box: TestSandbox;
let stripe: Stripe;
beforeAll(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterAll(() => box.close());

const total = (rows: { amount: number }[]) => rows.reduce((sum, { amount }) => sum + amount, 0);

const AMOUNT = 3900;
const card = fc.constantFrom(
  "pm_card_visa",
  "pm_card_pendingRefund",
  "pm_card_refundFail",
  "pm_card_createDispute",
  "pm_card_createDisputeInquiry",
);
const amount = fc.integer({ min: 1, max: AMOUNT + 100 });
const step = fc.oneof(
  fc.record({ do: fc.constant("refund" as const), amount }),
  fc.record({ do: fc.constant("refundAll" as const) }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(60, 301, 11 * DAY_SECONDS) }),
  fc.record({
    do: fc.constant("decideRefund" as const),
    which: fc.nat(3),
    status: fc.constantFrom("succeeded", "failed", "requires_action"),
  }),
  fc.record({ do: fc.constant("cancelRefund" as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant("dispute" as const), inquiry: fc.boolean() }),
  fc.record({ do: fc.constant("closeDispute" as const), outcome: fc.constantFrom("won", "lost") }),
  fc.record({
    do: fc.constant("answer" as const),
    text: fc.constantFrom("winning_evidence", "losing_evidence", "escalate_inquiry_evidence", "other"),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does a step; what Stripe refuses is refused, and that is fine. */
async function perform(charge: string, one: Step): Promise<void> {
  const refunds = (await stripe.refunds.list({ charge })).data;
  const [dispute] = (await stripe.disputes.list({ charge })).data;
  const refund = "which" in one ? refunds[one.which % Math.max(1, refunds.length)] : undefined;
  if (one.do === "refund") await stripe.refunds.create({ charge, amount: one.amount }).catch(refused);
  if (one.do === "refundAll") await stripe.refunds.create({ charge }).catch(refused);
  if (one.do === "wait") await box.advance({ seconds: one.seconds });
  if (one.do === "dispute") await box.control(`/charges/${charge}/dispute`, { inquiry: one.inquiry });
  if (one.do === "decideRefund" && refund) await box.control(`/refunds/${refund.id}`, { status: one.status });
  if (one.do === "cancelRefund" && refund) await stripe.refunds.cancel(refund.id).catch(refused);
  if (one.do === "closeDispute" && dispute)
    await box.control(`/disputes/${dispute.id}/close`, { outcome: one.outcome });
  if (one.do === "answer" && dispute) {
    const evidence = { uncategorized_text: one.text };
    await stripe.disputes.update(dispute.id, { evidence }).catch(refused);
  }
}

function refused(error: Stripe.errors.StripeError): void {
  expect(error.statusCode).toBe(400);
}

/** What must be true of a charge whatever has happened to it. */
async function check(id: string): Promise<void> {
  const charge = await stripe.charges.retrieve(id);
  const { amount_captured: captured, amount_refunded: refunded } = charge;
  const refunds = (await stripe.refunds.list({ charge: id, limit: 100 })).data;
  const disputes = (await stripe.disputes.list({ charge: id, limit: 100 })).data;
  expect(captured).toBeLessThanOrEqual(charge.amount);
  expect(refunded).toBeLessThanOrEqual(captured);
  expect(total(refunds.filter(({ status }) => status !== "failed" && status !== "canceled"))).toBe(refunded);
  expect(charge.refunded).toBe(captured > 0 && refunded === captured);
  const withdrawn = disputes.flatMap((dispute) => dispute.balance_transactions);
  const sources = [id, ...refunds.map((refund) => refund.id), ...disputes.map((dispute) => dispute.id)];
  const moved = (await Promise.all(sources.map((source) => movements(stripe, source)))).flat();
  expect(total(moved)).toBe(captured - refunded + total(withdrawn));
  expect(total(moved)).toBeGreaterThanOrEqual(0);
  for (const { amount: gross, fee, net } of moved) expect(net).toBe(gross - fee);
}

/** The balance is the sum of all movements. */
async function checkBalance(): Promise<void> {
  const { available, pending } = await stripe.balance.retrieve();
  const net = (await movements(stripe)).reduce((sum, movement) => sum + movement.net, 0);
  expect(total([...available, ...pending])).toBe(net);
}

test("money is neither made nor lost, whatever is captured, refunded and disputed in whatever order", async () => {
  const story = fc.record({
    card,
    captured: fc.option(fc.integer({ min: 1, max: AMOUNT })),
    steps: fc.array(step, { maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(story, async ({ card, captured, steps }) => {
      const manual = captured === null ? {} : { capture_method: "manual" as const };
      const intent = await pay(stripe, card, manual);
      if (captured !== null) await stripe.paymentIntents.capture(intent.id, { amount_to_capture: captured });
      const charge = String(intent.latest_charge);
      await check(charge);
      for (const one of steps) {
        await perform(charge, one);
        await check(charge);
      }
      await checkBalance();
    }),
    { numRuns: RUNS, seed: SEED },
  );
});
