import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { order, premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const mug = (unit_amount = 1500, currency = "usd") => ({
  quantity: 1,
  price_data: { currency, unit_amount, product_data: { name: "Mug", description: "Blue" } },
});
const payment = (params: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
  box.stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [mug()],
    success_url: "http://shop.test/done",
    ...params,
  });
const retrieve = (id: string, expand: string[] = []) => box.stripe.checkout.sessions.retrieve(id, { expand });
const lines = async (id: string) => (await box.stripe.checkout.sessions.listLineItems(id)).data;
const newEvents = async (known: number) => (await box.eventTypes()).slice(known);

describe("a one-time payment", () => {
  test("is taken from a guest, of whom nothing is kept", async () => {
    const session = await payment({
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
    const once = await payment({ customer_creation: "always", customer_email: "once@example.com" });
    await box.complete(once.id, "pm_card_visa");
    const customer = String((await retrieve(once.id)).customer);
    expect((await box.stripe.customers.listPaymentMethods(customer)).data).toEqual([]);

    const again = await payment({ payment_intent_data: { setup_future_usage: "off_session" } });
    await box.complete(again.id, "pm_card_visa", { email: "again@example.com" });
    const kept = String((await retrieve(again.id)).customer);
    expect((await box.stripe.customers.listPaymentMethods(kept)).data).toHaveLength(1);
  });

  test("is refused without a trace of an order, and paid with the next card by the same intent", async () => {
    const session = await payment();
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
    const session = await payment();
    await box.complete(session.id, "pm_card_chargeDeclined");
    await box.stripe.checkout.sessions.expire(session.id);
    expect((await box.stripe.paymentIntents.list()).data).toMatchObject([{ status: "canceled" }]);
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(400);
  });

  test("has an invoice afterwards when it asks for one", async () => {
    const session = await payment({
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
    const session = await payment({ payment_intent_data: { capture_method: "manual" } });
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
    const session = await payment();
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
    const session = await payment();
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
    const session = await payment({ line_items: [mug(0)], customer_email: "free@example.com" });
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
    const session = await payment({ excluded_payment_method_types: ["us_bank_account"] });
    expect(session.payment_method_types).toEqual(["card"]);
    expect(await box.complete(session.id, "pm_usBankAccount_success")).toMatchObject({
      status: 400,
      body: { error: { param: "payment_method" } },
    });
    await expect(payment({ allowed_payment_method_types: ["klarna"] })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});

describe("what a session sells", () => {
  test("may be priced inline: the price and its product are nobody else's", async () => {
    const session = await payment({ line_items: [{ ...mug(), quantity: 3, metadata: { sku: "m" } }] });
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
    await expect(payment({ line_items: [{ price: item!.price!.id, quantity: 1 }] })).rejects.toMatchObject({
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
    const session = await payment({ line_items: [mug(), mug(700)] });
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
    await expect(payment(params)).rejects.toMatchObject({ statusCode: 400 });
    const { error } = box.last.answer as { error: { param?: string } };
    expect(error.param ?? "").toBe(param);
  });
});

function recurring(): Stripe.Checkout.SessionCreateParams.LineItem {
  const data = { ...mug().price_data, recurring: { interval: "month" as const } };
  return { quantity: 1, price_data: data };
}

describe("a setup", () => {
  const setup = (params: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
    box.stripe.checkout.sessions.create({
      mode: "setup",
      currency: "usd",
      success_url: "http://shop.test/done",
      ...params,
    });

  test("keeps a card for later payments, and charges nothing", async () => {
    const customer = await box.stripe.customers.create({ email: "ada@example.com" });
    const session = await setup({
      customer: customer.id,
      setup_intent_data: { metadata: { for: "renewals" }, description: "Card on file" },
    });
    expect(session).toMatchObject({
      amount_total: null,
      payment_status: "no_payment_required",
      setup_intent: expect.stringMatching(/^seti_/),
    });
    const known = (await box.eventTypes()).length;
    await box.complete(session.id, "pm_card_visa");
    expect(await retrieve(session.id, ["setup_intent"])).toMatchObject({
      status: "complete",
      payment_status: "no_payment_required",
      setup_intent: {
        status: "succeeded",
        customer: customer.id,
        metadata: { for: "renewals" },
        description: "Card on file",
      },
    });
    expect((await box.stripe.customers.listPaymentMethods(customer.id)).data).toHaveLength(1);
    expect(await newEvents(known)).toEqual([
      "payment_method.attached",
      "setup_intent.succeeded",
      "checkout.session.completed",
    ]);
  });

  test("makes a customer only when it is told to", async () => {
    const without = await setup();
    await box.complete(without.id, "pm_card_visa", { email: "guest@example.com" });
    expect((await retrieve(without.id)).customer).toBeNull();
    const told = await setup({ customer_creation: "always", customer_email: "new@example.com" });
    await box.complete(told.id, "pm_card_visa");
    const { customer, setup_intent } = await retrieve(told.id, ["customer", "setup_intent"]);
    expect(customer).toMatchObject({ email: "new@example.com" });
    expect((setup_intent as Stripe.SetupIntent).customer).toBe((customer as Stripe.Customer).id);
  });

  test("of a refused card leaves the session open, and another card completes it", async () => {
    const session = await setup();
    expect(await box.complete(session.id, "pm_card_chargeDeclined")).toMatchObject({
      status: 402,
      body: { error: { code: "card_declined", setup_intent: { id: session.setup_intent } } },
    });
    expect((await retrieve(session.id)).status).toBe("open");
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
  });

  test("is complete once the card's holder has answered", async () => {
    const session = await setup();
    const asked = await box.complete(session.id, "pm_card_authenticationRequiredOnSetup");
    expect(asked).toMatchObject({ status: 402, body: { error: { code: "authentication_required" } } });
    await box.control(`/setup_intents/${session.setup_intent}/authenticate`, { outcome: "succeed" });
    expect((await retrieve(session.id)).status).toBe("complete");
  });

  test("is over with its session, and only with that", async () => {
    const session = await setup();
    const id = String(session.setup_intent);
    await expect(box.stripe.setupIntents.cancel(id)).rejects.toMatchObject({ statusCode: 400 });
    await box.stripe.checkout.sessions.expire(session.id);
    expect((await box.stripe.setupIntents.retrieve(id)).status).toBe("canceled");
  });
});
