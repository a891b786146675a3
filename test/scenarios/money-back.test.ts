import type Stripe from "stripe";
import { eventId } from "../../src/events/event-types.ts";
import { subscribe } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
let stripe: Stripe;
let userId: string;
let token: string;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterAll(() => service.stop());

const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** Subscribes, and pays once more with a card that brings what is to be seen. Returns the payment intent. */
async function paidWith(card: string): Promise<Stripe.PaymentIntent> {
  await subscribe(service, token);
  const customer = await customerOf(service, userId);
  return stripe.paymentIntents.create({
    ...{ customer, amount: 5_000, currency: "usd", payment_method: card, confirm: true },
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
}
const paymentOf = async (intent: { id: string }) =>
  (
    await rows<{ status: string; amount_refunded_minor: string }>(
      "select status, amount_refunded_minor from payments where stripe_payment_intent_id = ?",
      [intent.id],
    )
  )[0];
const untilStatus = (intent: { id: string }, status: string) =>
  eventually(
    () => paymentOf(intent),
    (row) => row?.status === status,
  );
const eventsAbout = (type: string) =>
  rows<{ id: string; type: string; data: Record<string, unknown> }>(
    "select id, type, data from outbox where user_id = ? and type like ? order by sequence",
    [userId, type],
  );

test("a partial refund and one of the rest are rows, change amount and status, and are one event each", async () => {
  const intent = await paidWith("pm_card_visa");
  const first = await stripe.refunds.create({
    ...{ payment_intent: intent.id, amount: 2_000, reason: "requested_by_customer" },
  });
  expect(await untilStatus(intent, "PARTIALLY_REFUNDED")).toMatchObject({ amount_refunded_minor: "2000" });
  const second = await stripe.refunds.create({ payment_intent: intent.id });
  expect(await untilStatus(intent, "REFUNDED")).toMatchObject({ amount_refunded_minor: "5000" });
  expect(
    await rows(
      "select stripe_refund_id as id, amount_minor, status, reason from refunds where user_id = ? order by amount_minor",
      [userId],
    ),
  ).toEqual([
    { id: first.id, amount_minor: "2000", status: "succeeded", reason: "requested_by_customer" },
    { id: second.id, amount_minor: "3000", status: "succeeded", reason: null },
  ]);
  const events = await eventsAbout("payment.refund%");
  expect(events.map(({ id }) => id)).toEqual(
    [first, second].map((refund) => eventId("payment.refunded", refund.id)),
  );
  expect(events.map(({ data }) => data.amountMinor)).toEqual([2_000, 3_000]);
});

test("a pending refund counts at once; arriving changes nothing more", async () => {
  const intent = await paidWith("pm_card_pendingRefund");
  const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 1_500 });
  expect(refund.status).toBe("pending");
  expect(await untilStatus(intent, "PARTIALLY_REFUNDED")).toMatchObject({ amount_refunded_minor: "1500" });
  await atSandbox(service, `refunds/${refund.id}`, { status: "succeeded" });
  await eventually(
    () => rows<{ status: string }>("select status from refunds where user_id = ?", [userId]),
    ([row]) => row?.status === "succeeded",
  );
  expect(await paymentOf(intent)).toEqual({ status: "PARTIALLY_REFUNDED", amount_refunded_minor: "1500" });
  expect(await eventsAbout("payment.refund%")).toHaveLength(1);
});

test("a refund that fails gives back: the payment is whole again, and both facts are told once", async () => {
  const intent = await paidWith("pm_card_refundFail");
  const refund = await stripe.refunds.create({ payment_intent: intent.id });
  await untilStatus(intent, "REFUNDED");
  await atSandbox(service, `refunds/${refund.id}`, { status: "failed", reason: "expired_or_canceled_card" });
  expect(await untilStatus(intent, "SUCCEEDED")).toMatchObject({ amount_refunded_minor: "0" });
  const told = await eventually(
    () => eventsAbout("payment.refund%"),
    (events) => events.length === 2,
  );
  expect(told.map(({ id, type }) => [id, type])).toEqual([
    [eventId("payment.refunded", refund.id), "payment.refunded"],
    [eventId("payment.refund_failed", refund.id), "payment.refund_failed"],
  ]);
  expect(told[1]?.data).toMatchObject({
    amountMinor: 5_000,
    failureReason: "expired_or_canceled_card",
    refundId: told[0]?.data.refundId,
  });
});

test("a dispute comes before any refund in the status; won it restores, and each phase is told once", async () => {
  const intent = await paidWith("pm_card_visa");
  await stripe.refunds.create({ payment_intent: intent.id, amount: 1_000 });
  await untilStatus(intent, "PARTIALLY_REFUNDED");
  await atSandbox(service, `charges/${String(intent.latest_charge)}/dispute`, {
    reason: "product_not_received",
  });
  expect(await untilStatus(intent, "DISPUTED")).toMatchObject({ amount_refunded_minor: "1000" });
  const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
  await atSandbox(service, `disputes/${dispute?.id}/close`, { outcome: "won" });
  expect(await untilStatus(intent, "PARTIALLY_REFUNDED")).toMatchObject({ amount_refunded_minor: "1000" });
  expect(await rows("select status, reason, amount_minor from disputes where user_id = ?", [userId])).toEqual(
    [{ status: "won", reason: "product_not_received", amount_minor: "4000" }],
  );
  const told = await eventsAbout("payment.dispute%");
  expect(told.map(({ id }) => id)).toEqual([
    eventId("payment.disputed", String(dispute?.id)),
    eventId("payment.dispute_closed", String(dispute?.id), "WON"),
  ]);
});

test("a lost dispute stays one", async () => {
  const intent = await paidWith("pm_card_createDispute");
  await untilStatus(intent, "DISPUTED");
  const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
  await atSandbox(service, `disputes/${dispute?.id}/close`, { outcome: "lost" });
  await eventually(
    () => eventsAbout("payment.dispute_closed"),
    ([event]) => event?.data.outcome === "LOST",
  );
  expect(await paymentOf(intent)).toMatchObject({ status: "DISPUTED" });
});

test("an inquiry is no dispute; it becomes one when the bank takes the money", async () => {
  const intent = await paidWith("pm_card_createDisputeInquiry");
  await eventually(
    () => rows<{ status: string }>("select status from disputes where user_id = ?", [userId]),
    ([row]) => row?.status === "warning_needs_response",
  );
  expect(await paymentOf(intent)).toMatchObject({ status: "SUCCEEDED" });
  expect(await eventsAbout("payment.dispute%")).toEqual([]);
  const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
  await stripe.disputes.update(String(dispute?.id), {
    evidence: { uncategorized_text: "escalate_inquiry_evidence" },
  });
  await untilStatus(intent, "DISPUTED");
  expect((await eventsAbout("payment.dispute%")).map(({ type }) => type)).toEqual(["payment.disputed"]);
});

test("what was never seen is told all the same: a dispute that is lost when first seen was opened before", async () => {
  const intent = await paidWith("pm_card_visa");
  await untilStatus(intent, "SUCCEEDED");
  const { sync } = service.app.parts;
  const deaf = await stripe.webhookEndpoints.list();
  await stripe.webhookEndpoints.update(String(deaf.data[0]?.id), { disabled: true });
  try {
    await atSandbox(service, `charges/${String(intent.latest_charge)}/dispute`, { reason: "fraudulent" });
    const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
    await atSandbox(service, `disputes/${dispute?.id}/close`, { outcome: "lost" });
    await sync.payment(intent.id);
    await sync.payment(intent.id);
    expect((await eventsAbout("payment.dispute%")).map(({ type }) => type)).toEqual([
      "payment.disputed",
      "payment.dispute_closed",
    ]);
  } finally {
    await stripe.webhookEndpoints.update(String(deaf.data[0]?.id), { disabled: false });
  }
});
