import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { HALF, invoiceOf, Subscriber } from "./support/subscriber.ts";
import { at, eventLog, priceOf, type TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let customer: Stripe.Customer;
let price: Stripe.Price;
let subscription: Stripe.Subscription;
let plus: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, customer, price, subscription } = subscriber);
  plus = await priceOf(box, 6000);
});
afterEach(() => box.close());

const upgrade = (params: Stripe.SubscriptionUpdateParams = {}) =>
  subscriber.update({ items: [{ id: subscriber.item, price: plus.id }], ...params });

describe("an upgrade that is not paid", () => {
  beforeEach(async () => {
    await clock.to(HALF);
    await useCard(box, customer.id, "pm_card_chargeCustomerFail");
  });
  const pay = async (id: string) => {
    const { id: good } = await box.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
    return box.stripe.invoices.pay(id, { payment_method: good });
  };

  test("leaves the subscription in arrears by default", async () => {
    const changed = await upgrade({ proration_behavior: "always_invoice" });
    expect(changed.items.data[0]!.price.id).toBe(plus.id);
    expect(invoiceOf(changed)).toMatchObject({ status: "open", attempt_count: 1 });
    expect((await subscriber.current()).status).toBe("past_due");
    await pay(invoiceOf(changed).id!);
    expect((await subscriber.current()).status).toBe("active");
  });

  test("changes nothing by error_if_incomplete", async () => {
    const told = eventLog(box);
    await told();
    await expect(
      upgrade({ proration_behavior: "always_invoice", payment_behavior: "error_if_incomplete" }),
    ).rejects.toMatchObject({ statusCode: 402, code: "card_declined" });
    expect(await told()).toEqual([]);
    expect((await subscriber.current()).items).toEqual(subscription.items);
    expect(await subscriber.pending()).toEqual([]);
  });

  test("waits by default_incomplete until it is paid", async () => {
    const changed = await upgrade({
      proration_behavior: "always_invoice",
      payment_behavior: "default_incomplete",
    });
    expect(changed.status).toBe("past_due");
    expect(invoiceOf(changed)).toMatchObject({ status: "open", attempt_count: 0 });
    await pay(invoiceOf(changed).id!);
    expect((await subscriber.current()).status).toBe("active");
  });

  const wait = () =>
    upgrade({ proration_behavior: "always_invoice", payment_behavior: "pending_if_incomplete" });

  test("is pending by pending_if_incomplete, and comes true when it is paid", async () => {
    const changed = await wait();
    expect(changed).toMatchObject({ status: "active", items: { data: [{ price: { id: price.id } }] } });
    expect(changed.pending_update).toMatchObject({
      expires_at: at(HALF) + 23 * 3600,
      subscription_items: [{ id: subscriber.item, price: { id: plus.id } }],
    });
    const told = eventLog(box);
    await told();
    await pay(invoiceOf(changed).id!);
    expect((await told()).slice(-4)).toEqual([
      "invoice.payment_succeeded",
      "invoice_payment.paid",
      "customer.subscription.updated",
      "customer.subscription.pending_update_applied",
    ]);
    const after = await subscriber.current();
    expect(after).toMatchObject({ pending_update: null, items: { data: [{ price: { id: plus.id } }] } });
    expect(invoiceOf(after)).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("lapses after 23 hours, and its invoice with it", async () => {
    const changed = await wait();
    await clock.to(at(HALF) + 23 * 3600);
    expect(await subscriber.current()).toMatchObject({
      status: "active",
      pending_update: null,
      items: { data: [{ price: { id: price.id } }] },
    });
    expect(await box.stripe.invoices.retrieve(invoiceOf(changed).id!)).toMatchObject({ status: "void" });
    expect(await box.eventTypes()).toContain("customer.subscription.pending_update_expired");
    expect(await subscriber.pending()).toEqual([]);
  });

  test("gives way to another one", async () => {
    const first = await wait();
    await useCard(box, customer.id, "pm_card_visa");
    const second = await wait();
    expect(second).toMatchObject({ pending_update: null, items: { data: [{ price: { id: plus.id } }] } });
    expect((await box.stripe.invoices.retrieve(invoiceOf(first).id!)).status).toBe("void");
    expect(invoiceOf(second)).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("waits for 3-D Secure where the card asks, and comes true when that is answered", async () => {
    await useCard(box, customer.id, "pm_card_authenticationRequired");
    const changed = await wait();
    expect(changed).toMatchObject({ status: "active", items: { data: [{ price: { id: price.id } }] } });
    const { payments } = await box.stripe.invoices.retrieve(invoiceOf(changed).id!, { expand: ["payments"] });
    const intent = String(payments!.data[0]!.payment.payment_intent);
    await box.control(`/payment_intents/${intent}/authenticate`, { outcome: "succeed" });
    expect(await subscriber.current()).toMatchObject({
      pending_update: null,
      items: { data: [{ price: { id: plus.id } }] },
      latest_invoice: { status: "paid" },
    });
  });

  describe("that a bank takes until after the period to decide", () => {
    let dear: Stripe.Price;
    let intent: string;
    const change = (params: Stripe.SubscriptionUpdateParams = {}) =>
      subscriber.update({ items: [{ id: subscriber.item, price: dear.id }], ...params });
    beforeEach(async () => {
      dear = await priceOf(box, 300_000);
      await useCard(box, customer.id, "pm_usBankAccount_processing");
      await clock.to("2026-04-30T20:00:00Z");
      const waiting = await change({
        proration_behavior: "always_invoice",
        payment_behavior: "pending_if_incomplete",
      });
      const invoice = invoiceOf(waiting).id!;
      const [payment] = (await box.stripe.invoicePayments.list({ invoice })).data;
      intent = String(payment!.payment.payment_intent);
    });
    const paid = () => box.control(`/payment_intents/${intent}/settle`, { outcome: "succeed" });

    test("comes true beside what a schedule has changed meanwhile", async () => {
      const { id, phases } = await box.stripe.subscriptionSchedules.create({
        from_subscription: subscription.id,
      });
      const [{ start_date, end_date }] = phases as [Stripe.SubscriptionSchedule.Phase];
      const items = [{ price: price.id, quantity: 1 }];
      await box.stripe.subscriptionSchedules.update(id, {
        phases: [
          { items, start_date, end_date },
          { items: [{ price: price.id, quantity: 2 }], duration: { interval: "month" } },
        ],
      });
      await useCard(box, customer.id, "pm_card_visa");
      await clock.to("2026-05-01T02:00:00Z");
      expect(await subscriber.current()).toMatchObject({
        items: { data: [{ price: { id: price.id }, quantity: 2 }] },
        latest_invoice: { status: "paid", amount_paid: 6000 },
      });
      await paid();
      expect(await subscriber.current()).toMatchObject({
        pending_update: null,
        items: { data: [{ price: { id: dear.id }, quantity: 2 }] },
      });
    });

    test("is not replaced by another, and no other invoice is taken back for it", async () => {
      await useCard(box, customer.id, "pm_card_chargeCustomerFail");
      await clock.to("2026-05-01T02:00:00Z");
      const renewal = invoiceOf(await subscriber.current());
      expect(renewal).toMatchObject({ status: "open", billing_reason: "subscription_cycle" });
      await expect(change()).rejects.toMatchObject({ statusCode: 400 });
      expect((await box.stripe.invoices.retrieve(renewal.id!)).status).toBe("open");
      await paid();
      expect((await subscriber.current()).items.data[0]!.price.id).toBe(dear.id);
    });
  });

  test("may wait only with what can wait", async () => {
    await expect(
      upgrade({ payment_behavior: "pending_if_incomplete", metadata: { a: "b" } }),
    ).rejects.toMatchObject({ param: "metadata" });
  });

  test("of nobody who can be charged is refused", async () => {
    await box.stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: "" } });
    await expect(upgrade({ proration_behavior: "always_invoice" })).rejects.toMatchObject({
      code: "resource_missing",
    });
    expect((await subscriber.current()).items).toEqual(subscription.items);
  });
});
