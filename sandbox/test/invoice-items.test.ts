import type Stripe from "stripe";
import { draftOf, typesSince } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const create = (params: Partial<Stripe.InvoiceItemCreateParams>) =>
  box.stripe.invoiceItems.create({ customer: customer.id, currency: "usd", ...params });

async function once(unit_amount: number, params: Partial<Stripe.PriceCreateParams> = {}) {
  const product = await box.stripe.products.create({ name: "Hour" });
  return box.stripe.prices.create({ product: product.id, currency: "usd", unit_amount, ...params });
}

describe("an invoice item", () => {
  test("waits for the customer's next invoice that takes pending items, newest first", async () => {
    const first = await create({ amount: 1000, description: "First" });
    const second = await create({ amount: -200, description: "Second" });
    expect(first).toMatchObject({ invoice: null, discountable: true, quantity: 1, proration: false });
    expect(second.discountable).toBe(false);
    expect((await draftOf(box, customer.id, [])).lines.data).toEqual([]);
    const invoice = await box.stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: "include",
    });
    expect(invoice).toMatchObject({ total: 800, currency: "usd" });
    expect(invoice.lines.data.map((line) => line.parent?.invoice_item_details?.invoice_item)).toEqual([
      second.id,
      first.id,
    ]);
    expect((await box.stripe.invoiceItems.retrieve(first.id)).invoice).toBe(invoice.id);
    await expect(
      box.stripe.invoices.create({ customer: customer.id, pending_invoice_items_behavior: "include" }),
    ).rejects.toMatchObject({ code: "invoice_no_customer_line_items" });
  });

  test("costs its price times the quantity", async () => {
    const price = await once(1250);
    const item = await create({ pricing: { price: price.id }, quantity: 3 });
    expect(item).toMatchObject({
      amount: 3750,
      description: "Hour",
      quantity: 3,
      pricing: { price_details: { price: price.id, product: price.product } },
    });
    expect(item.pricing!.unit_amount_decimal!.toString()).toBe("1250");
    expect(await box.stripe.invoiceItems.update(item.id, { quantity: 2 })).toMatchObject({ amount: 2500 });
    const inline = await create({
      price_data: { currency: "usd", product: String(price.product), unit_amount: 50 },
      quantity: 2,
    });
    expect(inline).toMatchObject({ amount: 100 });
    const made = await box.stripe.prices.retrieve(String(inline.pricing!.price_details!.price));
    expect(made).toMatchObject({ active: false, unit_amount: 50 });
    const fraction = await create({ unit_amount_decimal: "0.5" as never, quantity: 3 });
    expect(fraction.amount).toBe(2);
    expect((await box.stripe.invoiceItems.update(fraction.id, { quantity: 5 })).amount).toBe(3);
  });

  test("goes straight onto a draft, and changes it as it changes", async () => {
    const draft = await draftOf(box, customer.id, [1000]);
    const before = (await box.eventTypes()).length;
    const item = await create({ invoice: draft.id, amount: 500 });
    expect(await typesSince(box, before)).toEqual(["invoiceitem.created", "invoice.updated"]);
    expect((await box.stripe.invoices.retrieve(draft.id)).total).toBe(1500);
    await box.stripe.invoiceItems.update(item.id, { amount: 700, description: "Dearer" });
    const changed = await box.stripe.invoices.retrieve(draft.id);
    expect(changed.total).toBe(1700);
    expect(changed.lines.data[1]).toMatchObject({ amount: 700, description: "Dearer" });
    await box.stripe.invoiceItems.del(item.id);
    expect(await box.stripe.invoices.retrieve(draft.id)).toMatchObject({
      total: 1000,
      lines: { data: [{ amount: 1000 }] },
    });
    await expect(box.stripe.invoiceItems.retrieve(item.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  test("of a subscription waits for an invoice of that subscription", async () => {
    const price = await once(1000, { recurring: { interval: "month" } });
    const subscribe = () =>
      box.stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
    const [mine, other] = [await subscribe(), await subscribe()];
    const item = await create({ amount: 300, subscription: mine.id });
    const draftFor = (subscription: string) =>
      box.stripe.invoices.create({
        customer: customer.id,
        subscription,
        pending_invoice_items_behavior: "include",
      });
    await expect(draftFor(other.id)).rejects.toMatchObject({ code: "invoice_no_subscription_line_items" });
    expect((await draftFor(mine.id)).lines.data).toMatchObject([
      { amount: 300, subscription: mine.id, parent: { invoice_item_details: { invoice_item: item.id } } },
    ]);
  });

  test("is listed by customer, by invoice, and by whether it waits", async () => {
    const draft = await draftOf(box, customer.id, [1000]);
    const waiting = await create({ amount: 1 });
    const ids = async (params: Stripe.InvoiceItemListParams) =>
      (await box.stripe.invoiceItems.list(params)).data.map(({ id }) => id);
    expect(await ids({ customer: customer.id })).toHaveLength(2);
    expect(await ids({ customer: customer.id, pending: true })).toEqual([waiting.id]);
    expect(await ids({ invoice: draft.id })).toHaveLength(1);
    expect(await ids({ customer: customer.id, created: { lt: 1000 } })).toEqual([]);
  });

  test.each<[string, Partial<Stripe.InvoiceItemCreateParams>, object]>([
    ["no amount and no price", {}, { param: "amount" }],
    ["an amount and a price", { amount: 1, pricing: { price: "price_x" } }, { code: "parameters_exclusive" }],
    ["an amount and a quantity", { amount: 1, quantity: 2 }, { param: "quantity" }],
    ["an unknown invoice", { amount: 1, invoice: "in_none" }, { param: "invoice" }],
    ["an unknown subscription", { amount: 1, subscription: "sub_none" }, { param: "subscription" }],
    [
      "a period that ends before it starts",
      { amount: 1, period: { start: 2, end: 1 } },
      { param: "period[end]" },
    ],
    ["an unknown coupon", { amount: 1, discounts: [{ coupon: "none" }] }, { param: "discounts[0][coupon]" }],
  ])("is refused for %s", async (_what, params, refusal) => {
    await expect(create(params)).rejects.toMatchObject({ statusCode: 400, ...refusal });
    expect((await box.stripe.invoiceItems.list()).data).toEqual([]);
  });

  test("is refused for a recurring or inactive price, another's invoice and another currency", async () => {
    const recurring = await once(1, { recurring: { interval: "month" } });
    const inactive = await once(1, { active: false });
    for (const { id } of [recurring, inactive])
      await expect(create({ pricing: { price: id } })).rejects.toMatchObject({ param: "pricing[price]" });
    const stranger = await payer(box);
    const theirs = await draftOf(box, stranger.id, []);
    await expect(create({ amount: 1, invoice: theirs.id })).rejects.toMatchObject({ param: "invoice" });
    const mine = await draftOf(box, customer.id, []);
    await expect(create({ amount: 1, currency: "eur", invoice: mine.id })).rejects.toMatchObject({
      param: "currency",
    });
    expect((await box.stripe.invoiceItems.list()).data).toEqual([]);
  });
});

describe("a preview", () => {
  const preview = (params: Partial<Stripe.InvoiceCreatePreviewParams> = {}) =>
    box.stripe.invoices.createPreview({ customer: customer.id, ...params });

  test("is, to the cent, what is then charged, and leaves nothing behind", async () => {
    const coupon = await box.stripe.coupons.create({ percent_off: 33.3, duration: "once" });
    await box.stripe.customers.update(customer.id, { balance: -123 });
    await create({ amount: 999 });
    await create({ amount: 1001, discounts: [{ coupon: coupon.id }] });
    const count = (await box.eventTypes()).length;
    const discounts = [{ coupon: coupon.id }];
    const seen = await preview({ discounts });
    expect(seen.id).toMatch(/^upcoming_in_/);
    expect(await typesSince(box, count)).toEqual([]);
    expect((await box.stripe.coupons.retrieve(coupon.id)).times_redeemed).toBe(1);
    expect((await box.stripe.invoices.list()).data).toEqual([]);
    const invoice = await box.stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: "include",
      discounts,
    });
    const paid = await box.stripe.invoices.pay(invoice.id);
    const { subtotal, total, amount_due } = seen;
    expect(paid).toMatchObject({ subtotal, total, amount_paid: amount_due });
    const [charge] = (await box.stripe.charges.list({ customer: customer.id })).data;
    expect(charge!.amount).toBe(amount_due);
  });

  test("has the items that only it knows, and sees the changes that only it makes", async () => {
    const item = await create({ amount: 1000 });
    const seen = await preview({
      invoice_items: [
        { amount: 250, currency: "usd", description: "What if" },
        { invoiceitem: item.id, amount: 600 },
      ],
    });
    expect(seen.total).toBe(850);
    expect((await box.stripe.invoiceItems.list()).data).toMatchObject([{ id: item.id, amount: 1000 }]);
  });

  test("of nothing is refused", async () => {
    await expect(preview()).rejects.toMatchObject({ code: "invoice_upcoming_none" });
  });
});
