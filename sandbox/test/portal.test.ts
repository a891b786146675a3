import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { PortalCustomer } from "./support/portal.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
let portal: PortalCustomer;
let customer: Stripe.Customer;
beforeEach(async () => {
  box = await testSandbox();
  portal = await PortalCustomer.start(box);
  ({ customer } = portal);
});
afterEach(() => box.close());

describe("a session", () => {
  test("is of one customer, in the account's configuration or another", async () => {
    await expect(portal.open()).rejects.toMatchObject({ statusCode: 400 });
    const first = await portal.configure();
    const other = await portal.configure({ invoice_history: { enabled: true } });
    const session = await portal.open({ locale: "en-GB", expand: ["configuration"] });
    expect(session).toMatchObject({
      customer: customer.id,
      configuration: { id: first.id },
      return_url: "http://shop.test/account",
      locale: "en-GB",
      flow: null,
    });
    expect(await portal.open({ configuration: other.id, return_url: "http://shop.test/me" })).toMatchObject({
      configuration: other.id,
      return_url: "http://shop.test/me",
    });
    expect(await box.eventTypes()).toContain("billing_portal.session.created");
  });

  test("needs a customer and a configuration that are there", async () => {
    const { id } = await portal.configure();
    await expect(portal.open({ customer: "cus_none" })).rejects.toMatchObject({ param: "customer" });
    await expect(portal.open({ configuration: "bpc_none" })).rejects.toMatchObject({
      param: "configuration",
    });
    await box.stripe.billingPortal.configurations.update(id, { active: false });
    await expect(portal.open({ configuration: id })).rejects.toMatchObject({ param: "configuration" });
  });

  test("is over after an hour", async () => {
    await portal.configure();
    await portal.subscribe();
    const session = await portal.open();
    await box.advance({ hours: 1, seconds: 5 });
    expect((await portal.visit(session, "cancel")).status).toBe(400);
    expect((await portal.visit(await portal.open(), "cancel")).status).toBe(200);
  });
});

describe("a cancellation", () => {
  test("of a flexible subscription sets the date, and leaves the flag alone", async () => {
    await portal.configure();
    const { id, items } = await portal.subscribe();
    const { status } = await portal.visit(await portal.open(), "cancel", {
      feedback: "too_expensive",
      comment: "Bye",
    });
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
    await portal.configure();
    const { id } = await portal.subscribe({ billing_mode: { type: "classic" } });
    await portal.visit(await portal.open(), "cancel");
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ cancel_at_period_end: true });
  });

  test.each(["classic", "flexible"] as const)("of a %s subscription can be taken back", async (type) => {
    await portal.configure();
    const { id } = await portal.subscribe({ billing_mode: { type } });
    const session = await portal.open();
    await portal.visit(session, "cancel");
    expect((await portal.visit(session, "resume")).status).toBe(200);
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({
      cancel_at: null,
      cancel_at_period_end: false,
      canceled_at: null,
    });
    await box.advance({ days: 32, hours: 2 });
    expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("active");
    expect((await portal.visit(await portal.open(), "resume")).status).toBe(400);
  });

  test("is immediate where the configuration says so", async () => {
    await portal.configure({ subscription_cancel: { enabled: true, mode: "immediately" } });
    const { id } = await portal.subscribe();
    await portal.visit(await portal.open(), "cancel");
    expect((await box.stripe.subscriptions.retrieve(id)).status).toBe("canceled");
  });

  test("is refused where the configuration does not offer it, or it is another's subscription", async () => {
    await portal.configure();
    const { id } = await portal.subscribe();
    const stranger = await box.stripe.customers.create();
    const session = await portal.open({ customer: stranger.id });
    expect((await portal.visit(session, "cancel", { subscription: id })).status).toBe(400);
    const other = await portal.configure({ invoice_history: { enabled: true } });
    expect((await portal.visit(await portal.open({ configuration: other.id }), "cancel")).status).toBe(400);
    expect(await box.stripe.subscriptions.retrieve(id)).toMatchObject({ status: "active", cancel_at: null });
  });
});

describe("a payment method", () => {
  test("that is added pays from now on, also for subscriptions that had one of their own", async () => {
    await portal.configure();
    const own = await box.stripe.paymentMethods.attach("pm_card_amex", { customer: customer.id });
    const { id } = await portal.subscribe({ default_payment_method: own.id });
    const known = (await box.eventTypes()).length;
    const { body } = await portal.visit(await portal.open(), "payment_method", {
      payment_method: "pm_card_mastercard",
    });
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
    await portal.configure();
    const { id } = await box.stripe.paymentMethods.attach("pm_card_amex", { customer: customer.id });
    const session = await portal.open();
    await portal.visit(session, "payment_method", { payment_method: id });
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: id },
    });
    expect((await portal.visit(session, "payment_method", { remove: id })).status).toBe(200);
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: null },
    });
    expect((await portal.visit(session, "payment_method", { remove: id })).status).toBe(400);
  });

  test("that asks its holder is the default once they have answered", async () => {
    await portal.configure();
    const { status, body } = await portal.visit(await portal.open(), "payment_method", {
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
    await portal.configure();
    const before = (await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    const refused = { payment_method: "pm_card_chargeDeclined" };
    expect((await portal.visit(await portal.open(), "payment_method", refused)).status).toBe(402);
    const none = await portal.configure({ invoice_history: { enabled: true } });
    const other = { payment_method: "pm_card_mastercard" };
    expect(
      (await portal.visit(await portal.open({ configuration: none.id }), "payment_method", other)).status,
    ).toBe(400);
    const after = (await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer;
    expect(after.invoice_settings).toEqual(before.invoice_settings);
  });
});
