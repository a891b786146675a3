import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { charged, movements, pay } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

const latest = async (): Promise<Stripe.Dispute> => (await stripe.disputes.list({ limit: 1 })).data[0]!;

/** The dispute that comes with a payment by this card. */
async function disputed(card: string): Promise<Stripe.Dispute> {
  await pay(stripe, card);
  return latest();
}

const since = async (count: number) => (await box.eventTypes()).slice(count);

test.each([
  ["pm_card_createDispute", "fraudulent"],
  ["pm_card_createDisputeProductNotReceived", "product_not_received"],
])("%s is disputed as %s right after the charge, and the money withdrawn", async (card, reason) => {
  const dispute = await disputed(card);
  expect(dispute).toMatchObject({
    amount: 3900,
    currency: "usd",
    evidence_details: { has_evidence: false, past_due: false, submission_count: 0 },
    is_charge_refundable: false,
    payment_method_details: { card: { case_type: "chargeback" } },
    reason,
    status: "needs_response",
  });
  expect(dispute.balance_transactions).toMatchObject([
    { amount: -3900, fee: 1500, net: -5400, reporting_category: "dispute", type: "adjustment" },
  ]);
  expect(await stripe.charges.retrieve(String(dispute.charge))).toMatchObject({
    disputed: true,
    refunded: false,
  });
  expect(await box.eventTypes()).toEqual([
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
  ]);
});

test("an inquiry withdraws nothing, and can be refunded", async () => {
  const inquiry = await disputed("pm_card_createDisputeInquiry");
  expect(inquiry).toMatchObject({
    balance_transactions: [],
    is_charge_refundable: true,
    payment_method_details: { card: { case_type: "inquiry" } },
    status: "warning_needs_response",
  });
  expect(await box.eventTypes()).not.toContain("charge.dispute.funds_withdrawn");
  expect(await stripe.refunds.create({ charge: String(inquiry.charge), amount: 900 })).toMatchObject({
    status: "succeeded",
  });
});

test("a disputed charge is not refunded, whether by charge or by payment", async () => {
  const { charge, payment_intent } = await disputed("pm_card_createDispute");
  for (const target of [{ charge: String(charge) }, { payment_intent: String(payment_intent) }])
    await expect(stripe.refunds.create(target)).rejects.toMatchObject({
      statusCode: 400,
      code: "charge_disputed",
      message: expect.stringContaining("has been charged back"),
    });
  expect(await stripe.charges.retrieve(String(charge))).toMatchObject({ amount_refunded: 0 });
});

test("the money of a dispute is on its way for two days, like any other", async () => {
  const dispute = await disputed("pm_card_createDispute");
  expect(dispute.balance_transactions[0]).toMatchObject({ status: "pending" });
  await box.advance({ days: 2 });
  expect((await latest()).balance_transactions[0]).toMatchObject({ status: "available" });
  const { available, pending } = await stripe.balance.retrieve();
  expect([available[0]!.amount, pending[0]!.amount]).toEqual([3900 - 143 - 3900 - 1500, 0]);
});

describe("evidence", () => {
  test("that wins closes the dispute and brings the money and the fee back", async () => {
    const dispute = await disputed("pm_card_createDispute");
    const before = (await box.eventTypes()).length;
    const won = await stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: "winning_evidence" },
    });
    expect(won).toMatchObject({
      status: "won",
      evidence_details: { has_evidence: true, submission_count: 1 },
      is_charge_refundable: true,
    });
    expect(await since(before)).toEqual([
      "charge.dispute.updated",
      "charge.dispute.closed",
      "charge.dispute.funds_reinstated",
    ]);
    expect((await movements(stripe, dispute.id)).map(({ net }) => net)).toEqual([5400, -5400]);
    expect(await stripe.refunds.create({ charge: String(dispute.charge) })).toMatchObject({ amount: 3900 });
  });

  test("that loses closes it, and the money stays away", async () => {
    const dispute = await disputed("pm_card_createDispute");
    const before = (await box.eventTypes()).length;
    const lost = await stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text: "losing_evidence" },
      submit: true,
    });
    expect(lost.status).toBe("lost");
    expect(await since(before)).toEqual(["charge.dispute.updated", "charge.dispute.closed"]);
    await expect(stripe.refunds.create({ charge: String(dispute.charge) })).rejects.toMatchObject({
      code: "charge_disputed",
    });
  });

  test("can be prepared first; once submitted it is under review and stays as it is", async () => {
    const dispute = await disputed("pm_card_createDispute");
    const staged = await stripe.disputes.update(dispute.id, {
      evidence: { customer_name: "Ada" },
      submit: false,
    });
    expect(staged).toMatchObject({ status: "needs_response", evidence_details: { has_evidence: true } });
    const sent = await stripe.disputes.update(dispute.id, { submit: true });
    expect(sent).toMatchObject({ status: "under_review", evidence: { customer_name: "Ada" } });
    await expect(
      stripe.disputes.update(dispute.id, { evidence: { customer_name: "Eve" } }),
    ).rejects.toMatchObject({ message: expect.stringContaining("already been submitted") });
    expect(await stripe.disputes.update(dispute.id, { metadata: { case: "1" } })).toMatchObject({
      status: "under_review",
      metadata: { case: "1" },
    });
    await box.advance({ days: 30 });
    expect((await latest()).status).toBe("under_review");
  });

  test("for an inquiry closes it, or makes it a dispute", async () => {
    const closed = await disputed("pm_card_createDisputeInquiry");
    const text = (uncategorized_text: string) => ({ evidence: { uncategorized_text } });
    expect(await stripe.disputes.update(closed.id, text("winning_evidence"))).toMatchObject({
      status: "warning_closed",
    });
    const inquiry = await disputed("pm_card_createDisputeInquiry");
    await stripe.refunds.create({ charge: String(inquiry.charge), amount: 900 });
    const before = (await box.eventTypes()).length;
    const escalated = await stripe.disputes.update(inquiry.id, text("escalate_inquiry_evidence"));
    expect(escalated).toMatchObject({ status: "needs_response", is_charge_refundable: false });
    expect(escalated.balance_transactions.map(({ amount }) => amount)).toEqual([-3000]);
    expect(await since(before)).toEqual([
      "charge.dispute.updated",
      "charge.dispute.updated",
      "charge.dispute.funds_withdrawn",
    ]);
  });
});

test("closing accepts the loss; what is closed stays closed", async () => {
  const dispute = await disputed("pm_card_createDispute");
  expect(await stripe.disputes.close(dispute.id)).toMatchObject({ status: "lost" });
  await expect(stripe.disputes.close(dispute.id)).rejects.toMatchObject({ statusCode: 400 });
  await expect(
    stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: "winning_evidence" } }),
  ).rejects.toMatchObject({ statusCode: 400 });
  const inquiry = await disputed("pm_card_createDisputeInquiry");
  expect(await stripe.disputes.close(inquiry.id)).toMatchObject({ status: "warning_closed" });
});

test("a deadline that passes loses a dispute, and closes an inquiry", async () => {
  const dispute = await disputed("pm_card_createDispute");
  const inquiry = await disputed("pm_card_createDisputeInquiry");
  expect(dispute.evidence_details.due_by! - dispute.created).toBeGreaterThanOrEqual(9 * DAY_SECONDS);
  await box.advance({ days: 8 });
  expect((await stripe.disputes.retrieve(dispute.id)).status).toBe("needs_response");
  await box.advance({ days: 3 });
  expect(await stripe.disputes.retrieve(dispute.id)).toMatchObject({
    status: "lost",
    evidence_details: { past_due: true },
  });
  expect(await stripe.disputes.retrieve(inquiry.id)).toMatchObject({ status: "warning_closed" });
});

describe("on demand", () => {
  test("any charge is disputed, for what has not been refunded", async () => {
    const charge = await charged(stripe, "pm_card_visa");
    await stripe.refunds.create({ charge: charge.id, amount: 900 });
    const { body } = await box.control(`/charges/${charge.id}/dispute`, { reason: "duplicate" });
    expect(body).toMatchObject({
      object: "dispute",
      amount: 3000,
      reason: "duplicate",
      status: "needs_response",
    });
    expect((await box.control(`/charges/${charge.id}/dispute`, {})).status).toBe(400);
    expect((await stripe.disputes.list({ charge: charge.id })).data).toHaveLength(1);
  });

  test("an inquiry is opened, and lost by way of a dispute", async () => {
    const charge = await charged(stripe, "pm_card_visa");
    const { body } = await box.control(`/charges/${charge.id}/dispute`, { inquiry: true });
    const before = (await box.eventTypes()).length;
    const closed = await box.control(`/disputes/${body.id}/close`, { outcome: "lost" });
    expect(closed.body).toMatchObject({ status: "lost" });
    expect(await since(before)).toEqual([
      "charge.dispute.updated",
      "charge.dispute.funds_withdrawn",
      "charge.dispute.closed",
    ]);
  });

  test.each(["won", "lost"])("a dispute is %s", async (outcome) => {
    const dispute = await disputed("pm_card_createDispute");
    expect((await box.control(`/disputes/${dispute.id}/close`, { outcome })).body).toMatchObject({
      status: outcome,
    });
    const sum = (await movements(stripe)).reduce((total, { amount }) => total + amount, 0);
    expect(sum).toBe(outcome === "won" ? 3900 : 0);
    expect((await box.control(`/disputes/${dispute.id}/close`, { outcome })).status).toBe(400);
  });

  test("nonsense is refused", async () => {
    const dispute = await disputed("pm_card_createDispute");
    expect((await box.control(`/disputes/${dispute.id}/close`, { outcome: "draw" })).status).toBe(400);
    expect((await box.control("/disputes/du_none/close", { outcome: "won" })).status).toBe(404);
    expect((await box.control("/charges/ch_none/dispute", {})).status).toBe(404);
  });
});
