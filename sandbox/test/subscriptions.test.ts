import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { at, eventLog, iso, nothingIsKept, payer, priceOf, TestClock } from "./support/subscribing.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

type Params = Partial<Stripe.SubscriptionCreateParams>;

async function subscribe(card: string | undefined, params: Params = {}, amount = 1000) {
  const price = await priceOf(box, amount);
  const customer = card ? await payer(box, card) : await box.stripe.customers.create();
  const subscription = await box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
    expand: ["latest_invoice.confirmation_secret", "latest_invoice.payments", "pending_setup_intent"],
    ...params,
  });
  return { price, customer, subscription, invoice: subscription.latest_invoice as Stripe.Invoice };
}

const intentOf = (invoice: Stripe.Invoice) =>
  box.stripe.paymentIntents.retrieve(String(invoice.payments!.data[0]!.payment.payment_intent));

describe("a subscription that starts", () => {
  test("is active at once when the default card pays, in Stripe's order of events", async () => {
    const price = await priceOf(box, 1000);
    const customer = await payer(box);
    const told = eventLog(box);
    await told();
    const subscription = await box.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id, quantity: 3, metadata: { seat: "all" } }],
      metadata: { user: "u1" },
      description: "Access",
      expand: ["latest_invoice"],
    });
    expect(subscription).toMatchObject({
      status: "active",
      metadata: { user: "u1" },
      description: "Access",
      default_payment_method: null,
      billing_mode: { type: "flexible" },
      latest_invoice: {
        status: "paid",
        amount_paid: 3000,
        billing_reason: "subscription_create",
        parent: { subscription_details: { metadata: { user: "u1" } } },
      },
    });
    expect(subscription.items.data[0]).toMatchObject({ quantity: 3, metadata: { seat: "all" } });
    expect(await told()).toEqual([
      "customer.subscription.created",
      "invoice.created",
      "invoice.finalized",
      "payment_intent.created",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice.paid",
      "invoice.payment_succeeded",
      "invoice_payment.paid",
      "customer.subscription.updated",
      "customer.updated",
    ]);
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ currency: "usd" });
  });

  test("stays incomplete when the card is declined, and is active when another card pays the invoice", async () => {
    const { subscription, invoice, customer } = await subscribe("pm_card_chargeCustomerFail");
    expect(subscription.status).toBe("incomplete");
    expect(invoice).toMatchObject({ status: "open", attempt_count: 1, next_payment_attempt: null });
    expect(await intentOf(invoice)).toMatchObject({ status: "requires_payment_method" });
    const good = await box.stripe.paymentMethods.attach("pm_card_visa", { customer: customer.id });
    await box.stripe.invoices.pay(invoice.id!, { payment_method: good.id });
    expect(await box.stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "active" });
  });

  test("is refused whole by error_if_incomplete when the card is declined", async () => {
    const price = await priceOf(box, 1000);
    const customer = await payer(box, "pm_card_chargeCustomerFail");
    await expect(
      box.stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: price.id }],
        payment_behavior: "error_if_incomplete",
      }),
    ).rejects.toMatchObject({ statusCode: 402, type: "StripeCardError", code: "card_declined" });
    await nothingIsKept(box, customer.id);
  });

  test("waits for 3-D Secure, and is active once that has been answered", async () => {
    const { subscription, invoice } = await subscribe("pm_card_authenticationRequired");
    expect(subscription.status).toBe("incomplete");
    const intent = await intentOf(invoice);
    expect(intent).toMatchObject({
      status: "requires_action",
      client_secret: invoice.confirmation_secret!.client_secret,
    });
    await box.control(`/payment_intents/${intent.id}/authenticate`, { outcome: "succeed" });
    expect((await box.stripe.subscriptions.retrieve(subscription.id)).status).toBe("active");
    expect((await box.stripe.invoices.retrieve(invoice.id!)).status).toBe("paid");
  });

  test("waits for the customer under default_incomplete, and keeps the method where that is asked for", async () => {
    const { subscription, invoice } = await subscribe(undefined, {
      payment_behavior: "default_incomplete",
      payment_settings: { save_default_payment_method: "on_subscription" },
    });
    expect(subscription.status).toBe("incomplete");
    const intent = await intentOf(invoice);
    expect(invoice.confirmation_secret).toEqual({
      client_secret: intent.client_secret,
      type: "payment_intent",
    });
    expect(intent.status).toBe("requires_payment_method");
    const paid = await box.stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" });
    const active = await box.stripe.subscriptions.retrieve(subscription.id);
    expect(active).toMatchObject({ status: "active", default_payment_method: paid.payment_method });
  });

  test("lapses after 23 hours without a payment, and its invoice is void", async () => {
    const { subscription, invoice } = await subscribe("pm_card_chargeCustomerFail");
    await box.advance({ hours: 22, seconds: 3590 });
    expect((await box.stripe.subscriptions.retrieve(subscription.id)).status).toBe("incomplete");
    await box.advance({ seconds: 15 });
    expect((await box.stripe.subscriptions.retrieve(subscription.id)).status).toBe("incomplete_expired");
    expect((await box.stripe.invoices.retrieve(invoice.id!)).status).toBe("void");
  });

  test("is active at once when nothing is due, even without a card", async () => {
    const free = await subscribe(undefined, {}, 0);
    expect(free.subscription.status).toBe("active");
    expect(free.invoice).toMatchObject({ status: "paid", amount_paid: 0, attempt_count: 0 });
    const created = (await box.events()).find(({ type }) => type === "customer.subscription.created")!;
    expect(created.data.object).toMatchObject({ status: "active" });
  });

  test("takes coupons and promotion codes", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 25, duration: "forever" });
    const { subscription, invoice } = await subscribe("pm_card_visa", { discounts: [{ coupon: coupon.id }] });
    expect(subscription.discounts).toHaveLength(1);
    expect(invoice).toMatchObject({ subtotal: 1000, total: 750, amount_paid: 750 });
    const promotion = await box.stripe.promotionCodes.create({
      promotion: {
        type: "coupon",
        coupon: (await box.stripe.coupons.create({ percent_off: 100, duration: "once" })).id,
      },
    });
    const gift = await subscribe(undefined, { discounts: [{ promotion_code: promotion.id }] });
    expect(gift.subscription).toMatchObject({ status: "active" });
    expect(gift.invoice).toMatchObject({ total: 0, status: "paid" });
  });

  test("bills what is added once with its first invoice", async () => {
    const fee = await priceOf(box, 2500, { recurring: undefined });
    const { invoice } = await subscribe("pm_card_visa", {
      add_invoice_items: [{ price: fee.id, quantity: 2 }],
    });
    expect(invoice.amount_paid).toBe(6000);
    expect(invoice.lines.data.map(({ amount }) => amount).sort()).toEqual([1000, 5000]);
  });

  test("makes prices on the spot", async () => {
    const product = await box.stripe.products.create({ name: "Inline" });
    const { subscription } = await subscribe("pm_card_visa", {
      items: [
        {
          price_data: {
            currency: "usd",
            product: product.id,
            unit_amount: 700,
            recurring: { interval: "week", interval_count: 2 },
          },
        },
      ],
    });
    const item = subscription.items.data[0]!;
    expect(item.price).toMatchObject({ unit_amount: 700, product: product.id });
    expect(item.current_period_end - item.current_period_start).toBe(14 * DAY_SECONDS);
  });

  test("sends its invoices instead of charging, and is active at once", async () => {
    const { subscription, invoice } = await subscribe(undefined, {
      collection_method: "send_invoice",
      days_until_due: 14,
    });
    expect(subscription).toMatchObject({ status: "active", days_until_due: 14 });
    expect(invoice).toMatchObject({ status: "draft", collection_method: "send_invoice" });
    await box.advance({ hours: 1, seconds: 1 });
    expect(await box.stripe.invoices.retrieve(invoice.id!)).toMatchObject({ status: "open" });
  });
});

describe("a trial", () => {
  test("starts with a paid invoice of nothing, and asks for a card to be set up when there is none", async () => {
    const { subscription, invoice } = await subscribe(undefined, { trial_period_days: 14 });
    expect(subscription).toMatchObject({ status: "trialing", trial_start: subscription.created });
    expect(subscription.trial_end! - subscription.created).toBe(14 * DAY_SECONDS);
    expect(subscription.billing_cycle_anchor).toBe(subscription.trial_end);
    expect(subscription.items.data[0]!.current_period_end).toBe(subscription.trial_end);
    expect(invoice).toMatchObject({ status: "paid", total: 0, amount_paid: 0 });
    expect(invoice.lines.data[0]).toMatchObject({ amount: 0, description: expect.stringMatching(/^Trial/) });
  });

  test("ends when it is said to, or as the price says", async () => {
    const end = Math.floor(box.sandbox.now().getTime() / 1000) + 10 * DAY_SECONDS;
    expect((await subscribe("pm_card_visa", { trial_end: end })).subscription.trial_end).toBe(end);
    expect((await subscribe("pm_card_visa", { trial_end: "now" })).subscription.status).toBe("active");
    const price = await priceOf(box, 500, { recurring: { interval: "month", trial_period_days: 7 } });
    const ofPrice = await subscribe("pm_card_visa", { items: [{ price: price.id }], trial_from_plan: true });
    expect(ofPrice.subscription.trial_end! - ofPrice.subscription.created).toBe(7 * DAY_SECONDS);
    const without = await subscribe("pm_card_visa", { items: [{ price: price.id }] });
    expect(without.subscription.status).toBe("active");
  });
});

describe("the first period", () => {
  const START = "2026-01-15T00:00:00Z";
  let customer: Stripe.Customer;
  let price: Stripe.Price;
  beforeEach(async () => {
    const clock = await TestClock.start(box, START);
    customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
    price = await priceOf(box, 3100);
  });
  const create = (params: Params) =>
    box.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      expand: ["latest_invoice"],
      ...params,
    });
  const paid = ({ latest_invoice }: Stripe.Subscription) => (latest_invoice as Stripe.Invoice).amount_paid;

  test("is shorter and costs a part when the anchor is later", async () => {
    const subscription = await create({ billing_cycle_anchor: at("2026-02-01T00:00:00Z") });
    expect(iso(subscription.items.data[0]!.current_period_end)).toBe("2026-02-01T00:00:00");
    // 17 of the 31 days of the period that ends then.
    expect(paid(subscription)).toBe(1700);
    const line = (subscription.latest_invoice as Stripe.Invoice).lines.data[0]!;
    expect(line.parent!.subscription_item_details!.proration).toBe(true);
  });

  test("costs nothing when the anchor is later and nothing is prorated", async () => {
    const subscription = await create({
      billing_cycle_anchor: at("2026-02-01T00:00:00Z"),
      proration_behavior: "none",
    });
    expect(subscription.status).toBe("active");
    expect(paid(subscription)).toBe(0);
  });

  test("ends with the subscription and costs a part, unless nothing is prorated", async () => {
    const cancel_at = at("2026-01-25T00:00:00Z");
    const short = await create({ cancel_at });
    expect(short).toMatchObject({ cancel_at, canceled_at: at(START), cancel_at_period_end: false });
    expect([paid(short), iso(short.items.data[0]!.current_period_end)]).toEqual([
      1000,
      "2026-01-25T00:00:00",
    ]);
    const whole = await create({ cancel_at, proration_behavior: "none" });
    expect([paid(whole), iso(whole.items.data[0]!.current_period_end)]).toEqual([
      3100,
      "2026-02-15T00:00:00",
    ]);
  });

  test("can be the only one", async () => {
    expect(await create({ cancel_at_period_end: true })).toMatchObject({
      cancel_at_period_end: true,
      cancel_at: at("2026-02-15T00:00:00Z"),
    });
    const yearly = await priceOf(box, 9000, { recurring: { interval: "year" } });
    const items = [{ price: price.id }, { price: yearly.id }];
    expect((await create({ items, cancel_at: "min_period_end" })).cancel_at).toBe(at("2026-02-15T00:00:00Z"));
    expect((await create({ items, cancel_at: "max_period_end" })).cancel_at).toBe(at("2027-01-15T00:00:00Z"));
  });
});
