import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { PortalCustomer } from "./support/portal.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

type Features = Stripe.BillingPortal.ConfigurationCreateParams.Features;

let box: TestSandbox;
let portal: PortalCustomer;
let monthly: Stripe.Price;
let yearly: Stripe.Price;
beforeEach(async () => {
  box = await testSandbox();
  portal = await PortalCustomer.start(box);
  ({ monthly, yearly } = portal);
});
afterEach(() => box.close());

describe("a change of plan", () => {
  test("is made and billed as the configuration says", async () => {
    await portal.configure();
    const { id } = await portal.subscribe();
    const { status } = await portal.visit(await portal.open(), "update", { price: yearly.id });
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
    await portal.configure();
    const { id } = await portal.subscribe();
    await portal.visit(await portal.open(), "update", { quantity: 3 });
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.quantity).toBe(3);
    expect((await portal.visit(await portal.open(), "update", { quantity: 0 })).status).toBe(400);
  });

  test("may bring a promotion code", async () => {
    const { id: coupon } = await box.stripe.coupons.create({ percent_off: 50, duration: "forever" });
    await box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon }, code: "HALF" });
    await portal.configure();
    const { id } = await portal.subscribe();
    await portal.visit(await portal.open(), "update", { price: yearly.id, promotion_code: "half" });
    expect(await box.stripe.subscriptions.retrieve(id, { expand: ["discounts"] })).toMatchObject({
      discounts: [{ source: { coupon } }],
    });
    expect((await portal.visit(await portal.open(), "update", { promotion_code: "NONE" })).status).toBe(400);
  });

  test("that the card does not pay for is not made", async () => {
    await portal.configure();
    const { id } = await portal.subscribe();
    const session = await portal.open();
    const failing = { payment_method: "pm_card_chargeCustomerFail" };
    expect((await portal.visit(session, "payment_method", failing)).status).toBe(200);
    expect((await portal.visit(session, "update", { price: yearly.id })).status).toBe(402);
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.price.id).toBe(monthly.id);
  });

  test("ends a trial, or goes on with it, as the configuration says", async () => {
    const features = portal.everything();
    for (const trial_update_behavior of ["continue_trial", "end_trial"] as const) {
      const { id: configuration } = await portal.configure({
        ...features,
        subscription_update: { ...features.subscription_update!, trial_update_behavior },
      });
      const { id } = await portal.subscribe({ trial_period_days: 14 });
      const session = await portal.open({ configuration });
      await portal.visit(session, "update", { subscription: id, price: yearly.id });
      const status = trial_update_behavior === "end_trial" ? "active" : "trialing";
      expect((await box.stripe.subscriptions.retrieve(id)).status).toBe(status);
    }
  });

  test.each<[string, () => Promise<[Features, object]>]>([
    [
      "to a price that is not offered",
      async () => [portal.everything(), { price: (await premium(box.stripe)).id }],
    ],
    [
      "where only the quantity may change",
      async () => {
        const features = portal.everything();
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
    await portal.configure(features);
    const { id } = await portal.subscribe();
    expect((await portal.visit(await portal.open(), "update", wish)).status).toBe(400);
    expect((await box.stripe.subscriptions.retrieve(id)).items.data[0]!.price.id).toBe(monthly.id);
  });

  test("is refused for a subscription to more than one thing", async () => {
    await portal.configure();
    await portal.subscribe({ items: [{ price: monthly.id }, { price: (await premium(box.stripe)).id }] });
    expect((await portal.visit(await portal.open(), "update", { price: yearly.id })).status).toBe(400);
  });
});

describe("a flow", () => {
  test("is shown by its session, every part of it", async () => {
    await portal.configure();
    const { id, items } = await portal.subscribe();
    const session = await portal.open({
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
    expect((await portal.open({ flow_data: cancel })).flow).toMatchObject({
      after_completion: { type: "portal_homepage" },
      subscription_cancel: { subscription: id, retention: null },
    });
    const update = { type: "subscription_update" as const, subscription_update: { subscription: id } };
    expect((await portal.open({ flow_data: update })).flow).toMatchObject({
      subscription_update: { subscription: id },
    });
    expect((await portal.open({ flow_data: { type: "payment_method_update" } })).flow).toMatchObject({
      type: "payment_method_update",
    });
  });

  test("that could not be gone through is refused", async () => {
    await portal.configure();
    const { id, items } = await portal.subscribe();
    const cancel = { type: "subscription_cancel" as const, subscription_cancel: { subscription: id } };
    await portal.visit(await portal.open(), "cancel");
    await expect(portal.open({ flow_data: cancel })).rejects.toMatchObject({ statusCode: 400 });
    await portal.visit(await portal.open(), "resume");
    await expect(portal.open({ flow_data: { type: "subscription_cancel" } })).rejects.toMatchObject({
      param: "flow_data[subscription_cancel]",
    });
    const another = await premium(box.stripe);
    const confirm = (item: string, price: string) =>
      portal.open({
        flow_data: {
          type: "subscription_update_confirm",
          subscription_update_confirm: { subscription: id, items: [{ id: item, price }] },
        },
      });
    await expect(confirm(items.data[0]!.id, another.id)).rejects.toMatchObject({ param: "price" });
    await expect(confirm("si_none", yearly.id)).rejects.toMatchObject({ statusCode: 400 });
    const none = await portal.configure({ invoice_history: { enabled: true } });
    await expect(portal.open({ configuration: none.id, flow_data: cancel })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});
