import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { mug, payment } from "./support/checkout.ts";
import { order, premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const retrieve = (id: string, expand: string[] = []) => box.stripe.checkout.sessions.retrieve(id, { expand });
const lines = async (id: string) => (await box.stripe.checkout.sessions.listLineItems(id)).data;

describe("what a session sells", () => {
  test("may be priced inline: the price and its product are nobody else's", async () => {
    const session = await payment(box, { line_items: [{ ...mug(), quantity: 3, metadata: { sku: "m" } }] });
    const [item] = await lines(session.id);
    expect(item).toMatchObject({
      description: "Mug",
      quantity: 3,
      amount_total: 4500,
      metadata: { sku: "m" },
      price: { active: false, unit_amount: 1500, type: "one_time" },
    });
    const product = await box.stripe.products.retrieve(String(item!.price!.product));
    expect(product).toMatchObject({ active: false, name: "Mug", description: "Blue" });
    await expect(
      payment(box, { line_items: [{ price: item!.price!.id, quantity: 1 }] }),
    ).rejects.toMatchObject({
      param: "line_items[0][price]",
    });
  });

  test("may be bought once beside a subscription: it is on the first invoice only", async () => {
    const price = await premium(box.stripe);
    const { session } = await order(box.stripe, {
      line_items: [{ price: price.id, quantity: 2 }, mug(500)],
    });
    expect(session).toMatchObject({ amount_subtotal: 8300, amount_total: 8300 });
    await box.complete(session.id, "pm_card_visa");
    const { subscription } = await retrieve(session.id, ["subscription.latest_invoice"]);
    const { items, latest_invoice } = subscription as Stripe.Subscription;
    expect(items.data).toMatchObject([{ price: { id: price.id }, quantity: 2 }]);
    expect(latest_invoice).toMatchObject({ status: "paid", amount_paid: 8300 });
    const amounts = (latest_invoice as Stripe.Invoice).lines.data.map((line) => line.amount);
    expect(amounts.sort()).toEqual([500, 7800]);
  });

  test("is charged now even when what recurs is on trial", async () => {
    const price = await premium(box.stripe);
    const { session } = await order(box.stripe, {
      line_items: [{ price: price.id, quantity: 1 }, mug(500)],
      subscription_data: { trial_period_days: 7 },
    });
    expect(session.amount_total).toBe(500);
    await box.complete(session.id, "pm_card_visa");
    expect(await retrieve(session.id, ["subscription.latest_invoice"])).toMatchObject({
      payment_status: "paid",
      subscription: { status: "trialing", latest_invoice: { amount_paid: 500 } },
    });
  });

  test("bought once beside a trial, leaves an incomplete subscription until it is paid", async () => {
    const price = await premium(box.stripe);
    const { session } = await order(box.stripe, {
      line_items: [{ price: price.id, quantity: 1 }, mug(500)],
      subscription_data: { trial_period_days: 7 },
    });
    await box.complete(session.id, "pm_card_chargeDeclined");
    expect((await box.stripe.subscriptions.list({ status: "all" })).data).toMatchObject([
      { status: "incomplete" },
    ]);
    await box.complete(session.id, "pm_card_visa");
    expect((await box.stripe.subscriptions.list({ status: "all" })).data).toMatchObject([
      { status: "trialing" },
    ]);
  });

  test("is paid with the customer's credit first", async () => {
    const { session, customer } = await order(box.stripe);
    await box.stripe.customers.update(customer.id, { balance: -1000 });
    await box.complete(session.id, "pm_card_visa");
    expect((await box.stripe.charges.list()).data).toMatchObject([{ amount: 2900, paid: true }]);
    expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({ balance: 0 });
    const { invoice } = await retrieve(session.id, ["invoice"]);
    expect(invoice).toMatchObject({ total: 3900, amount_due: 2900, amount_paid: 2900, status: "paid" });
  });

  test("is also bought when the payment is confirmed by itself, without the page", async () => {
    const { session } = await order(box.stripe);
    await box.complete(session.id, "pm_card_chargeDeclined");
    const [intent] = (await box.stripe.paymentIntents.list()).data;
    await box.stripe.paymentIntents.confirm(intent!.id, { payment_method: "pm_card_visa" });
    expect(await retrieve(session.id, ["subscription"])).toMatchObject({
      status: "complete",
      payment_status: "paid",
      subscription: { status: "active" },
    });
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(400);
  });

  test("may be priced in another of its price's currencies", async () => {
    const product = await box.stripe.products.create({ name: "World" });
    const price = await box.stripe.prices.create({
      product: product.id,
      currency: "usd",
      unit_amount: 1000,
      recurring: { interval: "year" },
      currency_options: { jpy: { unit_amount: 1500 } },
    });
    const line_items = [{ price: price.id, quantity: 1 }];
    const { session } = await order(box.stripe, { currency: "jpy", line_items });
    expect(session).toMatchObject({ currency: "jpy", amount_total: 1500 });
    await box.complete(session.id, "pm_card_visa");
    expect(await retrieve(session.id, ["invoice"])).toMatchObject({
      invoice: { currency: "jpy", amount_paid: 1500 },
    });
    await expect(order(box.stripe, { currency: "eur", line_items })).rejects.toMatchObject({
      statusCode: 400,
    });
  });

  test("may change while the session is open: the list is the whole order", async () => {
    const session = await payment(box, { line_items: [mug(), mug(700)] });
    const [first] = await lines(session.id);
    const changed = await box.stripe.checkout.sessions.update(session.id, {
      line_items: [{ id: first!.id, quantity: 2 }, mug(100)],
      metadata: { changed: "yes" },
    });
    expect(changed).toMatchObject({ amount_total: 3100, metadata: { changed: "yes" } });
    expect((await lines(session.id)).map((item) => item.quantity)).toEqual([2, 1]);
    await expect(
      box.stripe.checkout.sessions.update(session.id, { line_items: [{ id: "li_none", quantity: 1 }] }),
    ).rejects.toMatchObject({ param: "line_items[0][id]" });
    await box.complete(session.id, "pm_card_visa");
    await expect(
      box.stripe.checkout.sessions.update(session.id, { line_items: [mug()] }),
    ).rejects.toMatchObject({ param: "line_items" });
  });

  test("changed after a refused attempt, is paid by another payment", async () => {
    const { session, price } = await order(box.stripe);
    await box.complete(session.id, "pm_card_chargeDeclined");
    await box.stripe.checkout.sessions.update(session.id, { line_items: [{ price: price.id, quantity: 3 }] });
    await box.complete(session.id, "pm_card_visa");
    const { data } = await box.stripe.subscriptions.list({ status: "all" });
    expect(data.map(({ status }) => status)).toEqual(["active", "incomplete_expired"]);
    expect((await box.stripe.charges.list()).data.map((charge) => [charge.amount, charge.paid])).toEqual([
      [11_700, true],
      [3900, false],
    ]);
  });

  test.each<[string, Partial<Stripe.Checkout.SessionCreateParams>, string]>([
    ["a recurring price in payment mode", { line_items: [recurring()] }, "mode"],
    ["only one-time prices in subscription mode", { mode: "subscription" }, "line_items"],
    ["nothing", { line_items: [] }, "line_items"],
    [
      "both a price and its data",
      { line_items: [{ ...mug(), price: "price_1" }] },
      "line_items[0][price_data]",
    ],
    [
      "data without a product",
      { line_items: [{ quantity: 1, price_data: { currency: "usd", unit_amount: 1 } }] },
      "line_items[0][price_data][product]",
    ],
    ["subscription data in payment mode", { subscription_data: { description: "x" } }, "subscription_data"],
    [
      "payment data in subscription mode",
      { mode: "subscription", line_items: [recurring()], payment_intent_data: { description: "x" } },
      "payment_intent_data",
    ],
    [
      "an invoice in subscription mode",
      { mode: "subscription", line_items: [recurring()], invoice_creation: { enabled: true } },
      "invoice_creation",
    ],
    ["line items in setup mode", { mode: "setup", currency: "usd" }, "line_items"],
    ["no currency in setup mode", { mode: "setup", line_items: undefined }, "currency"],
    [
      "a method collected if required in payment mode",
      { payment_method_collection: "if_required" },
      "payment_method_collection",
    ],
    ["customer_update without a customer", { customer_update: { name: "auto" } }, "customer_update"],
    ["methods chosen the old way", { payment_method_types: ["card"] } as object, "payment_method_types"],
    ["two discounts", { discounts: [{ coupon: "a" }, { coupon: "b" }] }, "discounts"],
    [
      "a discount and a field for codes",
      { discounts: [{ coupon: "a" }], allow_promotion_codes: true },
      "discounts",
    ],
    ["less than can be charged", { line_items: [mug(49)] }, ""],
  ])("refuses %s", async (_what, params, param) => {
    await expect(payment(box, params)).rejects.toMatchObject({ statusCode: 400 });
    const { error } = box.last.answer as { error: { param?: string } };
    expect(error.param ?? "").toBe(param);
  });
});

function recurring(): Stripe.Checkout.SessionCreateParams.LineItem {
  const data = { ...mug().price_data, recurring: { interval: "month" as const } };
  return { quantity: 1, price_data: data };
}
