import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { order, premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { eventLog, payer, useCard } from "./support/subscribing.ts";

// A bank takes days to decide: meanwhile the subscription goes on as if it had been paid.

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

async function begin(account: string, params: Partial<Stripe.SubscriptionCreateParams> = {}) {
  const { id: customer } = await payer(box, account);
  const price = await premium(stripe);
  const { id, status } = await stripe.subscriptions.create({
    customer,
    items: [{ price: price.id }],
    ...params,
  });
  return { customer, id, status };
}
const now = (id: string) => stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
const decide = async (outcome: "succeed" | "fail") => {
  const [intent] = (await stripe.paymentIntents.list()).data;
  await box.control(`/payment_intents/${intent!.id}/settle`, { outcome });
};

describe("a first payment", () => {
  test.each(["allow_incomplete", "error_if_incomplete"] as const)(
    "by bank debit starts the subscription at once (%s), and the invoice stays open",
    async (payment_behavior) => {
      const { id, status } = await begin("pm_usBankAccount_success", { payment_behavior });
      expect(status).toBe("active");
      expect(await now(id)).toMatchObject({ latest_invoice: { status: "open", amount_paid: 0 } });
      const told = eventLog(box);
      await told();
      await box.advance({ seconds: 10 });
      expect(await now(id)).toMatchObject({ status: "active", latest_invoice: { status: "paid" } });
      expect(await told("charge", "payment_intent", "invoice_payment")).toEqual([
        "invoice.paid",
        "invoice.payment_succeeded",
      ]);
    },
  );

  test("that the bank refuses leaves the subscription in arrears, and is tried again until it is given up", async () => {
    const { id } = await begin("pm_usBankAccount_insufficientFunds");
    const told = eventLog(box);
    await told();
    await box.advance({ seconds: 10 });
    const failed = await now(id);
    expect(failed).toMatchObject({
      status: "past_due",
      latest_invoice: { status: "open", attempt_count: 1 },
    });
    expect((failed.latest_invoice as Stripe.Invoice).next_payment_attempt).not.toBeNull();
    expect(await told("charge", "payment_intent")).toEqual([
      "invoice.payment_failed",
      "customer.subscription.updated",
    ]);
    await box.advance({ days: 16 });
    expect(await now(id)).toMatchObject({ status: "canceled", latest_invoice: { attempt_count: 4 } });
  });

  test("that the bank refuses is made good by a card", async () => {
    const { customer, id } = await begin("pm_usBankAccount_insufficientFunds");
    await box.advance({ seconds: 10 });
    await useCard(box, customer, "pm_card_visa");
    await box.advance({ days: 4 });
    expect(await now(id)).toMatchObject({ status: "active", latest_invoice: { status: "paid" } });
  });

  test("of what is bought beside a trial starts the trial", async () => {
    const once = await stripe.prices.create({
      currency: "usd",
      unit_amount: 900,
      product_data: { name: "Mug" },
    });
    const { id, status } = await begin("pm_usBankAccount_insufficientFunds", {
      trial_period_days: 30,
      add_invoice_items: [{ price: once.id }],
    });
    expect(status).toBe("trialing");
    await box.advance({ seconds: 10 });
    const failed = await now(id);
    expect(failed.status).toBe("past_due");
    await stripe.invoices.pay((failed.latest_invoice as Stripe.Invoice).id!, {
      payment_method: (
        await stripe.paymentMethods.attach("pm_card_visa", { customer: String(failed.customer) })
      ).id,
    });
    expect((await now(id)).status).toBe("trialing");
  });

  describe("that is not decided for days", () => {
    const start = async () => {
      const { id } = await begin("pm_usBankAccount_processing");
      await box.advance({ hours: 30 });
      expect(await now(id)).toMatchObject({ status: "active", latest_invoice: { status: "open" } });
      return id;
    };

    test.each([
      ["succeed", "active", "paid"],
      ["fail", "past_due", "open"],
    ] as const)("lapses with no 23 hours (%s)", async (outcome, status, invoice) => {
      const id = await start();
      await decide(outcome);
      expect(await now(id)).toMatchObject({ status, latest_invoice: { status: invoice } });
    });

    test("outlasts its subscription", async () => {
      const id = await start();
      await stripe.subscriptions.cancel(id);
      await decide("succeed");
      expect(await now(id)).toMatchObject({ status: "canceled", latest_invoice: { status: "paid" } });
    });

    test("and is refused once its subscription has ended, is not tried again", async () => {
      const id = await start();
      await stripe.subscriptions.cancel(id);
      await decide("fail");
      expect(await now(id)).toMatchObject({
        status: "canceled",
        latest_invoice: { status: "open", next_payment_attempt: null },
      });
    });
  });

  test.each([
    ["pm_usBankAccount_success", "checkout.session.async_payment_succeeded", "active"],
    ["pm_usBankAccount_insufficientFunds", "checkout.session.async_payment_failed", "past_due"],
  ])(
    "in Checkout (%s) completes the session, and keeps the account for what comes",
    async (account, event, status) => {
      const { session } = await order(stripe);
      await box.complete(session.id, account);
      const complete = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription"] });
      expect(complete).toMatchObject({
        status: "complete",
        payment_status: "unpaid",
        subscription: { status: "active", default_payment_method: expect.stringMatching(/^pm_/) },
      });
      const told = eventLog(box);
      await told();
      await box.advance({ seconds: 10 });
      expect(await told()).toContain(event);
      expect((await now((complete.subscription as Stripe.Subscription).id)).status).toBe(status);
    },
  );
});
