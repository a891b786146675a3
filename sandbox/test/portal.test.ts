import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

type Features = Stripe.BillingPortal.ConfigurationCreateParams.Features;

let box: TestSandbox;
let monthly: Stripe.Price;
let yearly: Stripe.Price;
let customer: Stripe.Customer;
beforeEach(async () => {
  box = await testSandbox();
  monthly = await premium(box.stripe);
  yearly = await box.stripe.prices.create({
    product: String(monthly.product),
    currency: "usd",
    unit_amount: 39_000,
    recurring: { interval: "year" },
  });
  customer = await box.stripe.customers.create({
    email: "ada@example.com",
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
});
afterEach(() => box.close());

const everything = (): Features => ({
  customer_update: { enabled: true, allowed_updates: ["email", "name"] },
  invoice_history: { enabled: true },
  payment_method_update: { enabled: true },
  subscription_cancel: {
    enabled: true,
    mode: "at_period_end",
    cancellation_reason: { enabled: true, options: ["too_expensive", "other"] },
  },
  subscription_update: {
    enabled: true,
    default_allowed_updates: ["price", "quantity", "promotion_code"],
    products: [{ product: String(monthly.product), prices: [monthly.id, yearly.id] }],
    proration_behavior: "always_invoice",
  },
});
const configure = (features: Features = everything()) =>
  box.stripe.billingPortal.configurations.create({
    features,
    default_return_url: "http://shop.test/account",
  });
const open = (params: Partial<Stripe.BillingPortal.SessionCreateParams> = {}) =>
  box.stripe.billingPortal.sessions.create({ customer: customer.id, ...params });
const subscribe = (params: Partial<Stripe.SubscriptionCreateParams> = {}) =>
  box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: monthly.id }], ...params });
const visit = (session: Stripe.BillingPortal.Session, act: string, body: object = {}) =>
  box.control(`/portal/sessions/${session.id}/${act}`, body);

describe("a session", () => {
  test("is of one customer, in the account's configuration or another", async () => {
    await expect(open()).rejects.toMatchObject({ statusCode: 400 });
    const first = await configure();
    const other = await configure({ invoice_history: { enabled: true } });
    const session = await open({ locale: "en-GB", expand: ["configuration"] });
    expect(session).toMatchObject({
      customer: customer.id,
      configuration: { id: first.id },
      return_url: "http://shop.test/account",
      locale: "en-GB",
      flow: null,
    });
    expect(await open({ configuration: other.id, return_url: "http://shop.test/me" })).toMatchObject({
      configuration: other.id,
      return_url: "http://shop.test/me",
    });
    expect(await box.eventTypes()).toContain("billing_portal.session.created");
  });

  test("needs a customer and a configuration that are there", async () => {
    const { id } = await configure();
    await expect(open({ customer: "cus_none" })).rejects.toMatchObject({ param: "customer" });
    await expect(open({ configuration: "bpc_none" })).rejects.toMatchObject({ param: "configuration" });
    await box.stripe.billingPortal.configurations.update(id, { active: false });
    await expect(open({ configuration: id })).rejects.toMatchObject({ param: "configuration" });
  });

  test("is over after an hour", async () => {
    await configure();
    await subscribe();
    const session = await open();
    await box.advance({ hours: 1, seconds: 5 });
    expect((await visit(session, "cancel")).status).toBe(400);
    expect((await visit(await open(), "cancel")).status).toBe(200);
  });
});

describe("a cancellation", () => {
  test("of a flexible subscription sets the date, and leaves the flag alone", async () => {
    await configure();
    const { id, items } = await subscribe();
    const { status } = await visit(await open(), "cancel", { feedback: "too_expensive", comment: "Bye" });
    expect(status).toBe(200);
    const canceled = await box.stripe.subscriptions.retrieve(id);
    expect(canceled).toMatchObject({
      status: "active",
      cancel_at: items.data[0]!.current_period_end,
      cancel_at_period_end: false,
      cancellation_details: { reason: "cancellation_requested", feedback: "too_expensive", comment: "Bye" },
    });
    await box.advance({ days: 32 });
    expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("canceled");
    expect((await box.stripe.charges.list()).data).toHaveLength(1);
  });

  test("of a classic subscription sets the flag", async () => {
    await configure();
    const { id } = await subscribe({ billing_mode: { type: "classic" } });
    await visit(await open(), "cancel");
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ cancel_at_period_end: true });
  });

  test.each(["classic", "flexible"] as const)("of a %s subscription can be taken back", async (type) => {
    await configure();
    const { id } = await subscribe({ billing_mode: { type } });
    const session = await open();
    await visit(session, "cancel");
    expect((await visit(session, "resume")).status).toBe(200);
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({
      cancel_at: null,
      cancel_at_period_end: false,
      canceled_at: null,
    });
    await box.advance({ days: 32, hours: 2 });
    expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("active");
    expect((await visit(await open(), "resume")).status).toBe(400);
  });

  test("is immediate where the configuration says so", async () => {
    await configure({ subscription_cancel: { enabled: true, mode: "immediately" } });
    const { id } = await subscribe();
    await visit(await open(), "cancel");
    expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  });

  test("is refused where the configuration does not offer it, or it is another's subscription", async () => {
    await configure();
    const { id } = await subscribe();
    const stranger = await box.stripe.customers.create();
    const session = await open({ customer: stranger.id });
    expect((await visit(session, "cancel", { subscription: id })).status).toBe(400);
    const other = await configure({ invoice_history: { enabled: true } });
    expect((await visit(await open({ configuration: other.id }), "cancel")).status).toBe(400);
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ status: "active", cancel_at: null });
  });
});

describe("a payment method", () => {
  test("that is added pays from now on, also for subscriptions that had one of their own", async () => {
    await configure();
    const own = await box.stripe.paymentMethods.attach("pm_card_amex", { customer: customer.id });
    const { id } = await subscribe({ default_payment_method: own.id });
    const known = (await box.eventTypes()).length;
    const { body } = await visit(await open(), "payment_method", { payment_method: "pm_card_mastercard" });
    const { invoice_settings } = (await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    expect(invoice_settings.default_payment_method).toBe(body.id);
    expect((await box.stripe.subscriptions.retrieve(id)).default_payment_method).toBe(body.id);
    expect((await box.eventTypes()).slice(known)).toEqual([
      "billing_portal.session.created",
      "setup_intent.created",
      "payment_method.attached",
      "setup_intent.succeeded",
      "customer.updated",
      "customer.subscription.updated",
    ]);
  });

  test("may be one that the customer has, and may be removed", async () => {
    await configure();
    const { id } = await box.stripe.paymentMethods.attach("pm_card_amex", { customer: customer.id });
    const session = await open();
    await visit(session, "payment_method", { payment_method: id });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: id },
    });
    expect((await visit(session, "payment_method", { remove: id })).status).toBe(200);
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: null },
    });
    expect((await visit(session, "payment_method", { remove: id })).status).toBe(400);
  });

  test("that asks its holder is the default once they have answered", async () => {
    await configure();
    const { status, body } = await visit(await open(), "payment_method", {
      payment_method: "pm_card_authenticationRequiredOnSetup",
    });
    expect(status).toBe(402);
    const { setup_intent } = body.error as { setup_intent: Stripe.SetupIntent };
    await box.control(`/setup_intents/${setup_intent.id}/authenticate`, { outcome: "succeed" });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: setup_intent.payment_method },
    });
  });

  test("that is refused, or not offered to be changed, changes nothing", async () => {
    await configure();
    const before = (await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    const refused = { payment_method: "pm_card_chargeDeclined" };
    expect((await visit(await open(), "payment_method", refused)).status).toBe(402);
    const none = await configure({ invoice_history: { enabled: true } });
    const other = { payment_method: "pm_card_mastercard" };
    expect((await visit(await open({ configuration: none.id }), "payment_method", other)).status).toBe(400);
    const after = (await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    expect(after.invoice_settings).toEqual(before.invoice_settings);
  });
});

describe("a change of plan", () => {
  test("is made and billed as the configuration says", async () => {
    await configure();
    const { id } = await subscribe();
    const { status } = await visit(await open(), "update", { price: yearly.id });
    expect(status).toBe(200);
    const updated = await box.stripe.subscriptions.retrieve(id, { expand: ["latest_invoice"] });
    expect(updated.items.data).toMatchObject([{ price: { id: yearly.id }, quantity: 1 }]);
    expect(updated.latest_invoice).toMatchObject({
      status: "paid",
      billing_reason: "subscription_update",
      amount_paid: 39_000 - 3900,
    });
  });

  test("may be of the quantity", async () => {
    await configure();
    const { id } = await subscribe();
    await visit(await open(), "update", { quantity: 3 });
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.quantity).toBe(3);
    expect((await visit(await open(), "update", { quantity: 0 })).status).toBe(400);
  });

  test("may bring a promotion code", async () => {
    const { id: coupon } = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    await box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon }, code: "HALF" });
    await configure();
    const { id } = await subscribe();
    await visit(await open(), "update", { price: yearly.id, promotion_code: "half" });
    expect(await box.stripe.subscriptions.retrieve(id, { expand: ["discounts"] })).toMatchObject({
      discounts: [{ source: { coupon } }],
    });
    expect((await visit(await open(), "update", { promotion_code: "NONE" })).status).toBe(400);
  });

  test("that the card does not pay for is not made", async () => {
    await configure();
    const { id } = await subscribe();
    const session = await open();
    const failing = { payment_method: "pm_card_chargeCustomerFail" };
    expect((await visit(session, "payment_method", failing)).status).toBe(200);
    expect((await visit(session, "update", { price: yearly.id })).status).toBe(402);
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.price.id).toBe(monthly.id);
  });

  test("ends a trial, or goes on with it, as the configuration says", async () => {
    const features = everything();
    for (const trial_update_behavior of ["continue_trial", "end_trial"] as const) {
      const { id: configuration } = await configure({
        ...features,
        subscription_update: { ...features.subscription_update!, trial_update_behavior },
      });
      const { id } = await subscribe({ trial_period_days: 14 });
      const session = await open({ configuration });
      await visit(session, "update", { subscription: id, price: yearly.id });
      const status = trial_update_behavior === "end_trial" ? "active" : "trialing";
      expect((await box.stripe.subscriptions.retrieve(id)).status).toBe(status);
    }
  });

  test.each<[string, () => Promise<[Features, object]>]>([
    ["to a price that is not offered", async () => [everything(), { price: (await premium(box.stripe)).id }]],
    [
      "where only the quantity may change",
      async () => {
        const features = everything();
        const subscription_update = {
          ...features.subscription_update!,
          default_allowed_updates: ["quantity" as const],
        };
        return [{ ...features, subscription_update }, { price: yearly.id }];
      },
    ],
    ["where it is not enabled", async () => [{ invoice_history: { enabled: true } }, { price: yearly.id }]],
  ])("is refused %s", async (_what, setting) => {
    const [features, wish] = await setting();
    await configure(features);
    const { id } = await subscribe();
    expect((await visit(await open(), "update", wish)).status).toBe(400);
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.price.id).toBe(monthly.id);
  });

  test("is refused for a subscription to more than one thing", async () => {
    await configure();
    await subscribe({ items: [{ price: monthly.id }, { price: (await premium(box.stripe)).id }] });
    expect((await visit(await open(), "update", { price: yearly.id })).status).toBe(400);
  });
});

describe("a flow", () => {
  test("is shown by its session, every part of it", async () => {
    await configure();
    const { id, items } = await subscribe();
    const session = await open({
      flow_data: {
        type: "subscription_update_confirm",
        subscription_update_confirm: {
          subscription: id,
          items: [{ id: items.data[0]!.id, price: yearly.id, quantity: 1 }],
        },
        after_completion: { type: "redirect", redirect: { return_url: "http://shop.test/thanks" } },
      },
    });
    expect(session.flow).toMatchObject({
      type: "subscription_update_confirm",
      subscription_update_confirm: { subscription: id, discounts: null },
      subscription_cancel: null,
      after_completion: { type: "redirect", redirect: { return_url: "http://shop.test/thanks" } },
    });
    const cancel = { type: "subscription_cancel" as const, subscription_cancel: { subscription: id } };
    expect((await open({ flow_data: cancel })).flow).toMatchObject({
      after_completion: { type: "portal_homepage" },
      subscription_cancel: { subscription: id, retention: null },
    });
    const update = { type: "subscription_update" as const, subscription_update: { subscription: id } };
    expect((await open({ flow_data: update })).flow).toMatchObject({
      subscription_update: { subscription: id },
    });
    expect((await open({ flow_data: { type: "payment_method_update" } })).flow).toMatchObject({
      type: "payment_method_update",
    });
  });

  test("that could not be gone through is refused", async () => {
    await configure();
    const { id, items } = await subscribe();
    const cancel = { type: "subscription_cancel" as const, subscription_cancel: { subscription: id } };
    await visit(await open(), "cancel");
    await expect(open({ flow_data: cancel })).rejects.toMatchObject({ statusCode: 400 });
    await visit(await open(), "resume");
    await expect(open({ flow_data: { type: "subscription_cancel" } })).rejects.toMatchObject({
      param: "flow_data[subscription_cancel]",
    });
    const another = await premium(box.stripe);
    const confirm = (item: string, price: string) =>
      open({
        flow_data: {
          type: "subscription_update_confirm",
          subscription_update_confirm: { subscription: id, items: [{ id: item, price }] },
        },
      });
    await expect(confirm(items.data[0]!.id, another.id)).rejects.toMatchObject({ param: "price" });
    await expect(confirm("si_none", yearly.id)).rejects.toMatchObject({ statusCode: 400 });
    const none = await configure({ invoice_history: { enabled: true } });
    await expect(open({ configuration: none.id, flow_data: cancel })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});
