import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(30_000);

/** April has 30 days: a dollar of a monthly price of 30 dollars a day. */
const START = "2026-04-01T00:00:00Z";
const HALF = "2026-04-16T00:00:00Z";
let box: TestSandbox;
let clock: TestClock;
let customer: Stripe.Customer;
let basic: Stripe.Price;
let plus: Stripe.Price;
let euro: Stripe.Price;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  clock = await TestClock.start(box, START);
  customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
  [basic, plus] = [await priceOf(box, 3000), await priceOf(box, 6000)];
  euro = await priceOf(box, 3000, { currency: "eur" });
  subscription = await start();
});
afterEach(() => box.close());

const start = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: basic.id }], ...params });

const item = () => subscription.items.data[0]!.id;
const update = (params: Stripe.SubscriptionUpdateParams) =>
  box.stripe.subscriptions.update(subscription.id, { expand: ["latest_invoice"], ...params });
const upgrade = (params: Stripe.SubscriptionUpdateParams = {}) =>
  update({ items: [{ id: item(), price: plus.id }], ...params });
const current = () => box.stripe.subscriptions.retrieve(subscription.id, { expand: ["latest_invoice"] });
const invoice = (of: Stripe.Subscription) => of.latest_invoice as Stripe.Invoice;
const amounts = (of: Stripe.Invoice) => of.lines.data.map(({ amount }) => amount);
const pending = async () => {
  const { data } = await box.stripe.invoiceItems.list({ customer: customer.id, pending: true });
  return data.map(({ amount }) => amount).reverse();
};

describe("another price in the middle of a period", () => {
  beforeEach(() => clock.to(HALF));

  test("leaves prorations to the second for the next invoice", async () => {
    const changed = await upgrade();
    expect(changed.items.data[0]).toMatchObject({ id: item(), price: { id: plus.id }, quantity: 1 });
    expect(await pending()).toEqual([-1500, 3000]);
    expect(invoice(changed).billing_reason).toBe("subscription_create");
    await clock.to("2026-05-01T02:00:00Z");
    const renewal = invoice(await current());
    expect(amounts(renewal)).toEqual([-1500, 3000, 6000]);
    expect(renewal).toMatchObject({ amount_paid: 7500, status: "paid" });
    const [credit] = renewal.lines.data;
    expect(credit).toMatchObject({
      description: `Unused time on Plan 3000 after 16 Apr 2026`,
      discountable: false,
      parent: {
        subscription_item_details: {
          proration: true,
          subscription_item: item(),
          proration_details: { credited_items: { invoice: invoice(changed).id } },
        },
      },
    });
    expect(await pending()).toEqual([]);
  });

  test("is billed at once by always_invoice, in Stripe's order of events", async () => {
    const told = eventLog(box);
    await told();
    const changed = await upgrade({ proration_behavior: "always_invoice" });
    expect(invoice(changed)).toMatchObject({
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
    expect(await pending()).toEqual([]);
    await clock.to("2026-05-01T02:00:00Z");
    expect(amounts(invoice(await current()))).toEqual([6000]);
  });

  test("gives credit for what was really debited, change upon change", async () => {
    await upgrade({ proration_behavior: "always_invoice" });
    await clock.to("2026-04-21T00:00:00Z");
    const back = await update({
      items: [{ id: item(), price: basic.id }],
      proration_behavior: "always_invoice",
    });
    // A third of the debit for fifteen days comes back: ten days of the smaller price are due.
    expect(amounts(invoice(back))).toEqual([-2000, 1000]);
    expect(invoice(back)).toMatchObject({ total: -1000, amount_due: 0, status: "paid" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -1000 });
    await clock.to("2026-05-01T02:00:00Z");
    expect(invoice(await current())).toMatchObject({ total: 3000, amount_paid: 2000 });
  });

  test("gives no credit in flexible billing mode where nothing was debited, but does in classic", async () => {
    await upgrade({ proration_behavior: "none" });
    await update({ items: [{ id: item(), quantity: 2 }] });
    // Only the smaller price was ever paid for.
    expect(await pending()).toEqual([-1500, 6000]);
    subscription = await start({ billing_mode: { type: "classic" } });
    await clock.to(at(HALF) + 15 * DAY_SECONDS);
    await upgrade({ proration_behavior: "none" });
    const before = (await pending()).length;
    await update({ items: [{ id: item(), quantity: 2 }] });
    expect((await pending()).slice(before)).toEqual([-3000, 6000]);
  });

  test("is counted from the proration date", async () => {
    await upgrade({ proration_date: at("2026-04-11T00:00:00Z") });
    expect(await pending()).toEqual([-2000, 4000]);
    await expect(upgrade({ proration_date: at("2026-03-01T00:00:00Z") })).rejects.toMatchObject({
      param: "proration_date",
    });
  });

  test("takes discounts into account", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    subscription = await start({ discounts: [{ coupon: coupon.id }] });
    await clock.to("2026-05-01T00:00:00Z");
    const changed = await upgrade({ proration_behavior: "always_invoice" });
    expect(amounts(invoice(changed))).toEqual([-750, 1500]);
    expect(invoice(changed).amount_paid).toBe(750);
  });

  test("of another interval begins a new period and is billed at once", async () => {
    const yearly = await priceOf(box, 30_000, { recurring: { interval: "year" } });
    const changed = await update({ items: [{ id: item(), price: yearly.id }] });
    expect(amounts(invoice(changed))).toEqual([-1500, 30_000]);
    expect(invoice(changed)).toMatchObject({ status: "paid", amount_paid: 28_500 });
    expect(changed.billing_cycle_anchor).toBe(at(HALF));
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2027-04-16T00:00:00");
  });

  test("after one that was free begins a new period and is billed at once", async () => {
    const free = await priceOf(box, 0);
    subscription = await start({ items: [{ price: free.id }] });
    await clock.to("2026-04-20T00:00:00Z");
    const changed = await upgrade();
    expect(amounts(invoice(changed))).toEqual([6000]);
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-20T00:00:00");
  });
});

describe("items", () => {
  beforeEach(() => clock.to(HALF));

  test("change their quantity, and only the difference is paid", async () => {
    const changed = await update({
      items: [{ id: item(), quantity: 3 }],
      proration_behavior: "always_invoice",
    });
    expect(amounts(invoice(changed))).toEqual([-1500, 4500]);
    expect(changed.items.data[0]!.quantity).toBe(3);
  });

  test("have the quantity 1 again when their price changes and none is given", async () => {
    await update({ items: [{ id: item(), quantity: 3 }] });
    expect((await upgrade()).items.data[0]!.quantity).toBe(1);
    expect(
      (await update({ items: [{ id: item(), price: basic.id, quantity: 2 }] })).items.data[0]!.quantity,
    ).toBe(2);
  });

  test("are added where no id is given, and taken away where that is said", async () => {
    const added = await update({ items: [{ price: plus.id }] });
    expect(added.items.data.map(({ price }) => price.id)).toEqual([basic.id, plus.id]);
    expect(await pending()).toEqual([3000]);
    const gone = await update({ items: [{ id: item(), deleted: true }] });
    expect(gone.items.data.map(({ price }) => price.id)).toEqual([plus.id]);
    expect(await pending()).toEqual([3000, -1500]);
  });

  test.each<[string, () => Stripe.SubscriptionUpdateParams, object]>([
    [
      "an item of another subscription",
      () => ({ items: [{ id: "si_x", quantity: 2 }] }),
      { code: "resource_missing" },
    ],
    ["no item at all", () => ({ items: [{ id: item(), deleted: true }] }), { param: "items" }],
    ["a price twice", () => ({ items: [{ price: basic.id }] }), { param: "items" }],
    ["a price in another currency", () => ({ items: [{ id: item(), price: euro.id }] }), { statusCode: 400 }],
    [
      "more than can be charged",
      () => ({ items: [{ id: item(), quantity: 900_000 }], proration_behavior: "always_invoice" }),
      { code: "amount_too_large" },
    ],
    [
      "a price nobody knows",
      () => ({ items: [{ id: item(), price: "price_x" }] }),
      { param: "items[0][price]" },
    ],
  ])("cannot be %s", async (_what, params, refusal) => {
    await expect(update(params())).rejects.toMatchObject(refusal);
    expect((await current()).items).toEqual(subscription.items);
    expect(await pending()).toEqual([]);
  });
});

describe("the anchor", () => {
  test("is reset on demand: a new period is billed, the old one given back", async () => {
    await clock.to(HALF);
    const changed = await update({ billing_cycle_anchor: { type: "now" } });
    expect(amounts(invoice(changed))).toEqual([-1500, 3000]);
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-16T00:00:00");
    const again = await update({ billing_cycle_anchor: { type: "unchanged" } });
    expect(again.billing_cycle_anchor).toBe(changed.billing_cycle_anchor);
  });
});

describe("a trial of a running subscription", () => {
  test("begins with credit for the rest of the period, and ends with a renewal", async () => {
    await clock.to(HALF);
    const changed = await update({ trial_end: at("2026-04-26T00:00:00Z") });
    expect(changed).toMatchObject({ status: "trialing", billing_cycle_anchor: at("2026-04-26T00:00:00Z") });
    expect(amounts(invoice(changed))).toEqual([-1500, 0]);
    await clock.to("2026-04-26T02:00:00Z");
    const after = await current();
    expect(after.status).toBe("active");
    expect(invoice(after)).toMatchObject({ total: 3000, amount_paid: 1500 });
  });

  test("is ended now, and the first period is billed", async () => {
    subscription = await start({ trial_period_days: 10 });
    await clock.to("2026-04-03T00:00:00Z");
    const told = eventLog(box);
    await told();
    const changed = await update({ trial_end: "now" });
    expect(changed).toMatchObject({ status: "active", trial_end: at("2026-04-03T00:00:00Z") });
    expect(invoice(changed)).toMatchObject({ amount_paid: 3000, billing_reason: "subscription_update" });
    expect(iso(changed.items.data[0]!.current_period_end)).toBe("2026-05-03T00:00:00");
    expect((await told()).slice(0, 2)).toEqual([
      "customer.subscription.updated",
      "customer.subscription.trial_will_end",
    ]);
  });

  test("is made longer without a bill", async () => {
    subscription = await start({ trial_period_days: 10 });
    const changed = await update({ trial_end: at("2026-04-21T00:00:00Z") });
    expect(changed).toMatchObject({ status: "trialing", trial_end: at("2026-04-21T00:00:00Z") });
    expect(changed.items.data[0]!.current_period_end).toBe(changed.trial_end);
    expect(invoice(changed).id).toBe(subscription.latest_invoice);
    await upgrade();
    expect(await pending()).toEqual([]);
  });
});

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
    expect(invoice(changed)).toMatchObject({ status: "open", attempt_count: 1 });
    expect((await current()).status).toBe("past_due");
    await pay(invoice(changed).id!);
    expect((await current()).status).toBe("active");
  });

  test("changes nothing by error_if_incomplete", async () => {
    const told = eventLog(box);
    await told();
    await expect(
      upgrade({ proration_behavior: "always_invoice", payment_behavior: "error_if_incomplete" }),
    ).rejects.toMatchObject({ statusCode: 402, code: "card_declined" });
    expect(await told()).toEqual([]);
    expect((await current()).items).toEqual(subscription.items);
    expect(await pending()).toEqual([]);
  });

  test("waits by default_incomplete until it is paid", async () => {
    const changed = await upgrade({
      proration_behavior: "always_invoice",
      payment_behavior: "default_incomplete",
    });
    expect(changed.status).toBe("past_due");
    expect(invoice(changed)).toMatchObject({ status: "open", attempt_count: 0 });
    await pay(invoice(changed).id!);
    expect((await current()).status).toBe("active");
  });

  const wait = () =>
    upgrade({ proration_behavior: "always_invoice", payment_behavior: "pending_if_incomplete" });

  test("is pending by pending_if_incomplete, and comes true when it is paid", async () => {
    const changed = await wait();
    expect(changed).toMatchObject({ status: "active", items: { data: [{ price: { id: basic.id } }] } });
    expect(changed.pending_update).toMatchObject({
      expires_at: at(HALF) + 23 * 3600,
      subscription_items: [{ id: item(), price: { id: plus.id } }],
    });
    const told = eventLog(box);
    await told();
    await pay(invoice(changed).id!);
    expect((await told()).slice(-4)).toEqual([
      "invoice.payment_succeeded",
      "invoice_payment.paid",
      "customer.subscription.updated",
      "customer.subscription.pending_update_applied",
    ]);
    const after = await current();
    expect(after).toMatchObject({ pending_update: null, items: { data: [{ price: { id: plus.id } }] } });
    expect(invoice(after)).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("lapses after 23 hours, and its invoice with it", async () => {
    const changed = await wait();
    await clock.to(at(HALF) + 23 * 3600);
    expect(await current()).toMatchObject({
      status: "active",
      pending_update: null,
      items: { data: [{ price: { id: basic.id } }] },
    });
    expect(await box.stripe.invoices.retrieve(invoice(changed).id!)).toMatchObject({ status: "void" });
    expect(await box.eventTypes()).toContain("customer.subscription.pending_update_expired");
    expect(await pending()).toEqual([]);
  });

  test("gives way to another one", async () => {
    const first = await wait();
    await useCard(box, customer.id, "pm_card_visa");
    const second = await wait();
    expect(second).toMatchObject({ pending_update: null, items: { data: [{ price: { id: plus.id } }] } });
    expect((await box.stripe.invoices.retrieve(invoice(first).id!)).status).toBe("void");
    expect(invoice(second)).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("waits for 3-D Secure where the card asks, and comes true when that is answered", async () => {
    await useCard(box, customer.id, "pm_card_authenticationRequired");
    const changed = await wait();
    expect(changed).toMatchObject({ status: "active", items: { data: [{ price: { id: basic.id } }] } });
    const { payments } = await box.stripe.invoices.retrieve(invoice(changed).id!, { expand: ["payments"] });
    const intent = String(payments!.data[0]!.payment.payment_intent);
    await box.control(`/payment_intents/${intent}/authenticate`, { outcome: "succeed" });
    expect(await current()).toMatchObject({
      pending_update: null,
      items: { data: [{ price: { id: plus.id } }] },
      latest_invoice: { status: "paid" },
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
    expect((await current()).items).toEqual(subscription.items);
  });
});

describe("collection", () => {
  test.each([
    ["keep_as_draft", "draft"],
    ["void", "void"],
    ["mark_uncollectible", "uncollectible"],
  ] as const)(
    "is paused by %s: renewals are %s, and the status does not change",
    async (behavior, status) => {
      const paused = await update({ pause_collection: { behavior, resumes_at: at("2026-05-10T00:00:00Z") } });
      expect(paused).toMatchObject({ status: "active", pause_collection: { behavior } });
      await clock.to("2026-05-01T02:00:00Z");
      const renewed = await current();
      expect([renewed.status, invoice(renewed).status]).toEqual(["active", status]);
      await clock.to("2026-06-01T02:00:00Z");
      const after = await current();
      expect([after.pause_collection, invoice(after).status]).toEqual([null, "paid"]);
    },
  );

  test("goes on when it is told to", async () => {
    await update({ pause_collection: { behavior: "void" } });
    expect((await update({ pause_collection: "" })).pause_collection).toBeNull();
  });

  test("changes its method, and to sending only with a due date", async () => {
    await expect(update({ collection_method: "send_invoice" })).rejects.toMatchObject({
      param: "days_until_due",
    });
    expect(await update({ collection_method: "send_invoice", days_until_due: 5 })).toMatchObject({
      collection_method: "send_invoice",
      days_until_due: 5,
    });
    expect(await update({ collection_method: "charge_automatically" })).toMatchObject({
      days_until_due: null,
    });
  });
});

describe("an end", () => {
  test("in the middle of the period gives the rest back, and is taken back again", async () => {
    await clock.to("2026-04-11T00:00:00Z");
    const cancel_at = at("2026-04-21T00:00:00Z");
    const ending = await update({ cancel_at });
    expect(ending).toMatchObject({ cancel_at, canceled_at: at("2026-04-11T00:00:00Z") });
    expect(ending.items.data[0]!.current_period_end).toBe(cancel_at);
    expect(await pending()).toEqual([-1000]);
    const kept = await update({ cancel_at: "" });
    expect(kept).toMatchObject({ cancel_at: null, canceled_at: null });
    expect(iso(kept.items.data[0]!.current_period_end)).toBe("2026-05-01T00:00:00");
    expect(await pending()).toEqual([-1000, 1000]);
  });

  test("is the period's where that is asked for, whatever else is changed", async () => {
    const ending = await update({ cancel_at: "max_period_end" });
    expect(ending).toMatchObject({ cancel_at: at("2026-05-01T00:00:00Z"), cancel_at_period_end: false });
    expect(await pending()).toEqual([]);
    await clock.to("2026-05-01T00:00:00Z");
    expect((await current()).status).toBe("canceled");
  });

  test("cannot be both at the period's end and at a date", async () => {
    await expect(
      update({ cancel_at: at("2026-04-21T00:00:00Z"), cancel_at_period_end: true }),
    ).rejects.toMatchObject({ code: "parameters_exclusive" });
  });
});

describe("other fields", () => {
  test("are changed, and what is not said stays", async () => {
    const { id } = await box.stripe.paymentMethods.attach("pm_card_mastercard", { customer: customer.id });
    const changed = await update({
      default_payment_method: id,
      description: "Gold",
      metadata: { a: "1" },
      payment_settings: { save_default_payment_method: "on_subscription" },
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
      cancellation_details: { comment: "too dear", feedback: "too_expensive" },
    });
    expect(changed).toMatchObject({
      default_payment_method: id,
      description: "Gold",
      metadata: { a: "1" },
      payment_settings: { save_default_payment_method: "on_subscription" },
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
      cancellation_details: { comment: "too dear", feedback: "too_expensive" },
      items: { data: [{ id: item() }] },
    });
    expect(await update({ description: "" })).toMatchObject({ description: null, metadata: { a: "1" } });
    await expect(update({ default_payment_method: "pm_card_visa" })).rejects.toMatchObject({
      param: "default_payment_method",
    });
  });

  test("discounts come, are replaced, and go", async () => {
    const [ten, half] = [
      await box.stripe.coupons.create({ percent_off: 10, duration: "forever" }),
      await box.stripe.coupons.create({ percent_off: 50, duration: "forever" }),
    ];
    expect((await update({ discounts: [{ coupon: ten.id }] })).discounts).toHaveLength(1);
    await update({ discounts: [{ coupon: half.id }] });
    await clock.to("2026-05-01T02:00:00Z");
    expect(invoice(await current()).amount_paid).toBe(1500);
    expect((await update({ discounts: "" })).discounts).toEqual([]);
    const told = await box.eventTypes();
    expect(told.filter((type) => type.startsWith("customer.discount"))).toEqual([
      "customer.discount.created",
      "customer.discount.created",
      "customer.discount.deleted",
      "customer.discount.deleted",
    ]);
  });
});
