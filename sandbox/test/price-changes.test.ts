import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { amountsOf, HALF, invoiceOf, Subscriber } from "./support/subscriber.ts";
import { at, eventLog, iso, priceOf, type TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let customer: Stripe.Customer;
let price: Stripe.Price;
let plus: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, customer, price } = subscriber);
  plus = await priceOf(box, 6000);
});
afterEach(() => box.close());

const upgrade = (params: Stripe.SubscriptionUpdateParams = {}) =>
  subscriber.update({ items: [{ id: subscriber.item, price: plus.id }], ...params });

describe("another price in the middle of a period", () => {
  beforeEach(() => clock.to(HALF));

  test("leaves prorations to the second for the next invoice", async () => {
    const changed = await upgrade();
    expect(changed.items.data[0]).toMatchObject({ id: subscriber.item, price: { id: plus.id }, quantity: 1 });
    expect(await subscriber.pending()).toEqual([-1500, 3000]);
    expect(invoiceOf(changed).billing_reason).toBe("subscription_create");
    await clock.to("2026-05-01T02:00:00Z");
    const renewal = invoiceOf(await subscriber.current());
    expect(amountsOf(renewal)).toEqual([-1500, 3000, 6000]);
    expect(renewal).toMatchObject({ amount_paid: 7500, status: "paid" });
    const [credit] = renewal.lines.data;
    expect(credit).toMatchObject({
      description: `Unused time on Plan 3000 after 16 Apr 2026`,
      discountable: false,
      parent: {
        subscription_item_details: {
          proration: true,
          subscription_item: subscriber.item,
          proration_details: { credited_items: { invoice: invoiceOf(changed).id } },
        },
      },
    });
    expect(await subscriber.pending()).toEqual([]);
  });

  test("is billed at once by always_invoice, in Stripe's order of events", async () => {
    const told = eventLog(box);
    await told();
    const changed = await upgrade({ proration_behavior: "always_invoice" });
    expect(invoiceOf(changed)).toMatchObject({
      status: "paid",
      amount_paid: 1500,
      billing_reason: "subscription_update",
    });
    expect(changed.items.data[0]!.current_period_end).toBe(at("2026-05-01T00:00:00Z"));
    expect(await told()).toEqual([
      "customer.subscription.updated",
      "invoiceitem.created",
      "invoiceitem.created",
      "invoice.created",
      "invoice.finalized",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
    ]);
  });

  test("costs nothing until the renewal by none", async () => {
    await upgrade({ proration_behavior: "none" });
    expect(await subscriber.pending()).toEqual([]);
    await clock.to("2026-05-01T02:00:00Z");
    expect(amountsOf(invoiceOf(await subscriber.current()))).toEqual([6000]);
  });

  test("gives credit for what was really debited, change upon change", async () => {
    await upgrade({ proration_behavior: "always_invoice" });
    await clock.to("2026-04-21T00:00:00Z");
    const back = await subscriber.update({
      items: [{ id: subscriber.item, price: price.id }],
      proration_behavior: "always_invoice",
    });
    // A third of the debit for fifteen days comes back: ten days of the smaller price are due.
    expect(amountsOf(invoiceOf(back))).toEqual([-2000, 1000]);
    expect(invoiceOf(back)).toMatchObject({ total: -1000, amount_due: 0, status: "paid" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -1000 });
    await clock.to("2026-05-01T02:00:00Z");
    expect(invoiceOf(await subscriber.current())).toMatchObject({ total: 3000, amount_paid: 2000 });
  });

  test("gives no credit in flexible billing mode where nothing was debited, but does in classic", async () => {
    await upgrade({ proration_behavior: "none" });
    await subscriber.update({ items: [{ id: subscriber.item, quantity: 2 }] });
    // Only the smaller price was ever paid for.
    expect(await subscriber.pending()).toEqual([-1500, 6000]);
    await subscriber.subscribe({ billing_mode: { type: "classic" } });
    await clock.to(at(HALF) + 15 * DAY_SECONDS);
    await upgrade({ proration_behavior: "none" });
    const before = (await subscriber.pending()).length;
    await subscriber.update({ items: [{ id: subscriber.item, quantity: 2 }] });
    expect((await subscriber.pending()).slice(before)).toEqual([-3000, 6000]);
  });

  test("is counted from the proration date", async () => {
    await upgrade({ proration_date: at("2026-04-11T00:00:00Z") });
    expect(await subscriber.pending()).toEqual([-2000, 4000]);
    await expect(upgrade({ proration_date: at("2026-03-01T00:00:00Z") })).rejects.toMatchObject({
      param: "proration_date",
    });
  });

  test("takes discounts into account", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    await subscriber.subscribe({ discounts: [{ coupon: coupon.id }] });
    await clock.to("2026-05-01T00:00:00Z");
    const changed = await upgrade({ proration_behavior: "always_invoice" });
    expect(amountsOf(invoiceOf(changed))).toEqual([-750, 1500]);
    expect(invoiceOf(changed).amount_paid).toBe(750);
  });

  test("of another interval begins a new period and is billed at once", async () => {
    const yearly = await priceOf(box, 30_000, { recurring: { interval: "year" } });
    const changed = await subscriber.update({ items: [{ id: subscriber.item, price: yearly.id }] });
    expect(amountsOf(invoiceOf(changed))).toEqual([-1500, 30_000]);
    expect(invoiceOf(changed)).toMatchObject({ status: "paid", amount_paid: 28_500 });
    expect(changed.billing_cycle_anchor).toBe(at(HALF));
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2027-04-16T00:00:00");
  });

  test("after one that was free begins a new period and is billed at once", async () => {
    const free = await priceOf(box, 0);
    await subscriber.subscribe({ items: [{ price: free.id }] });
    await clock.to("2026-04-20T00:00:00Z");
    const changed = await upgrade();
    expect(amountsOf(invoiceOf(changed))).toEqual([6000]);
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-20T00:00:00");
  });
});
