import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { mug, payment } from "./support/checkout.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const retrieve = (id: string, expand: string[] = []) => box.stripe.checkout.sessions.retrieve(id, { expand });
const newEvents = async (known: number) => (await box.eventTypes()).slice(known);

describe("a one-time payment", () => {
  test("is taken from a guest, of whom nothing is kept", async () => {
    const session = await payment(box, {
      payment_intent_data: { metadata: { order: "7" }, description: "Order 7" },
    });
    expect(session).toMatchObject({
      amount_total: 1500,
      customer: null,
      customer_creation: "if_required",
      payment_intent: null,
      payment_status: "unpaid",
      invoice_creation: { enabled: false },
    });
    const known = (await box.eventTypes()).length;
    await box.complete(session.id, "pm_card_visa", { email: "guest@example.com", name: "Guest" });
    const paid = await retrieve(session.id, ["payment_intent.latest_charge"]);
    expect(paid).toMatchObject({
      status: "complete",
      payment_status: "paid",
      customer: null,
      customer_details: { email: "guest@example.com", name: "Guest" },
      invoice: null,
      payment_intent: {
        status: "succeeded",
        amount: 1500,
        customer: null,
        description: "Order 7",
        metadata: { order: "7" },
        latest_charge: { paid: true },
      },
    });
    expect(await newEvents(known)).toEqual([
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.completed",
    ]);
    const { id } = paid.payment_intent as Stripe.PaymentIntent;
    const found = await box.stripe.checkout.sessions.list({ payment_intent: id });
    expect(found.data.map((each) => each.id)).toEqual([session.id]);
  });

  test("makes a customer when it is told to, and keeps the card when it is to be used again", async () => {
    const once = await payment(box, { customer_creation: "always", customer_email: "once@example.com" });
    await box.complete(once.id, "pm_card_visa");
    const customer = String((await retrieve(once.id)).customer);
    expect((await box.stripe.customers.listPaymentMethods(customer)).data).toEqual([]);

    const again = await payment(box, { payment_intent_data: { setup_future_usage: "off_session" } });
    await box.complete(again.id, "pm_card_visa", { email: "again@example.com" });
    const kept = String((await retrieve(again.id)).customer);
    expect((await box.stripe.customers.listPaymentMethods(kept)).data).toHaveLength(1);
  });

  test("is refused without a trace of an order, and paid with the next card by the same intent", async () => {
    const session = await payment(box);
    expect(await box.complete(session.id, "pm_card_chargeDeclined")).toMatchObject({
      status: 402,
      body: { error: { code: "card_declined" } },
    });
    expect(await retrieve(session.id)).toMatchObject({ status: "open", payment_intent: null });
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
    const [intent, ...others] = (await box.stripe.paymentIntents.list()).data;
    expect([intent!.status, others]).toEqual(["succeeded", []]);
  });

  test("that nobody finishes is given up with its session", async () => {
    const session = await payment(box);
    await box.complete(session.id, "pm_card_chargeDeclined");
    await box.stripe.checkout.sessions.expire(session.id);
    expect((await box.stripe.paymentIntents.list()).data).toMatchObject([{ status: "canceled" }]);
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(400);
  });

  test("has an invoice afterwards when it asks for one", async () => {
    const session = await payment(box, {
      line_items: [mug(), mug(250)],
      invoice_creation: {
        enabled: true,
        invoice_data: { metadata: { order: "7" }, description: "Thanks", footer: "Ours" },
      },
    });
    const known = (await box.eventTypes()).length;
    await box.complete(session.id, "pm_card_visa", { email: "buyer@example.com" });
    const { invoice } = await retrieve(session.id, ["invoice.payments"]);
    expect(invoice).toMatchObject({
      status: "paid",
      amount_paid: 1750,
      billing_reason: "manual",
      parent: null,
      description: "Thanks",
      footer: "Ours",
      metadata: { order: "7" },
      payments: { data: [{ status: "paid", amount_paid: 1750 }] },
    });
    expect(await newEvents(known)).toEqual([
      "customer.created",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.completed",
      "invoiceitem.created",
      "invoiceitem.created",
      "invoice.created",
      "invoice.finalized",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
    ]);
  });

  test("may be reserved first: the session is complete and unpaid until it is captured", async () => {
    const session = await payment(box, { payment_intent_data: { capture_method: "manual" } });
    await box.complete(session.id, "pm_card_visa");
    expect(await retrieve(session.id, ["payment_intent"])).toMatchObject({
      status: "complete",
      payment_status: "unpaid",
      payment_intent: { status: "requires_capture", amount_capturable: 1500 },
    });
  });

  test.each([
    [
      "a bank debit that is paid",
      "pm_usBankAccount_success",
      "checkout.session.async_payment_succeeded",
      "paid",
    ],
    [
      "a bank debit that is refused",
      "pm_usBankAccount_insufficientFunds",
      "checkout.session.async_payment_failed",
      "unpaid",
    ],
  ])("by %s is complete before it is known", async (_what, method, event, payment_status) => {
    const session = await payment(box);
    await box.complete(session.id, method);
    expect(await retrieve(session.id)).toMatchObject({ status: "complete", payment_status: "unpaid" });
    await box.advance({ seconds: 10 });
    expect(await retrieve(session.id)).toMatchObject({ status: "complete", payment_status });
    expect((await box.eventTypes()).filter((type) => type.startsWith("checkout."))).toEqual([
      "checkout.session.completed",
      event,
    ]);
  });

  test("cannot be canceled or confirmed but through its session", async () => {
    const session = await payment(box);
    await box.complete(session.id, "pm_card_chargeDeclined");
    const [intent] = (await box.stripe.paymentIntents.list()).data;
    const { cancel, confirm } = box.stripe.paymentIntents;
    for (const act of [cancel, confirm]) {
      await expect(act.call(box.stripe.paymentIntents, intent!.id)).rejects.toMatchObject({
        code: "payment_intent_unexpected_state",
      });
    }
    expect((await box.stripe.paymentIntents.retrieve(intent!.id)).status).toBe("requires_payment_method");
  });

  test("that costs nothing needs no payment", async () => {
    const session = await payment(box, { line_items: [mug(0)], customer_email: "free@example.com" });
    expect((await box.complete(session.id, "")).status).toBe(200);
    expect(await retrieve(session.id)).toMatchObject({
      status: "complete",
      payment_status: "no_payment_required",
      payment_intent: null,
      customer_details: { email: "free@example.com" },
    });
    expect((await box.stripe.paymentIntents.list()).data).toEqual([]);
  });

  test("takes the methods that the session allows", async () => {
    const session = await payment(box, { excluded_payment_method_types: ["us_bank_account"] });
    expect(session.payment_method_types).toEqual(["card"]);
    expect(await box.complete(session.id, "pm_usBankAccount_success")).toMatchObject({
      status: 400,
      body: { error: { param: "payment_method" } },
    });
    await expect(payment(box, { allowed_payment_method_types: ["klarna"] })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});
